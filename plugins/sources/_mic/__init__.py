"""What a microphone is made of: who it is (ALSA, the sound server), its stream (PortAudio), and who listens to it."""
