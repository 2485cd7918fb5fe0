"""One row of the matrix in a process of its own: `python tests/faults/row.py NAME FOLDER` prints its result as JSON.

It ends, and with it all that it has started, when its standard input does.
"""

import json
import logging
import os
import sys
import threading
import traceback
from dataclasses import asdict
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]
    os.environ["PYTHONPATH"] = os.pathsep.join([*sys.path[:2], os.environ.get("PYTHONPATH", "")])

import rows_clock
import rows_device
import rows_many
import rows_process
import rows_rtsp
from playbill import ROWS
from stage import Result

__all__ = ["ROWS", "rows_clock", "rows_device", "rows_many", "rows_process", "rows_rtsp"]


def main(name: str, folder: Path) -> None:
    threading.Thread(target=_end_with_input, daemon=True).start()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    row = ROWS[name]
    try:
        result = row.play(folder)
    except Exception:
        result = Result(failure=traceback.format_exc())
    result.row, result.title = row.name, row.title
    print(json.dumps(asdict(result)), flush=True)


def _end_with_input() -> None:
    while os.read(0, 100):
        pass
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
