// Hear mgcld from Node, with the package zeromq: npm install zeromq@6

import { Subscriber } from "zeromq"

const socket = new Subscriber()
socket.connect(process.argv[2] ?? "tcp://127.0.0.1:5765")
socket.subscribe("mgcl/v1/prob/") // or one source: mgcl/v1/prob/kitchen/
for await (const [topic, header, body] of socket) {
  const { source } = JSON.parse(header)
  const [name, p] = JSON.parse(body).top[0]
  console.log(`${source}: ${name} ${p.toFixed(2)}`)
}
