"""What the clips of `extra.py` are called, and the licences that Debian's copyright files give them."""

FREEDOOM = {
    "PISTOL": "pistol shot", "SHOTGN": "shotgun shot", "SGCOCK": "gun reload", "SAWUP": "chainsaw starting",
    "SAWIDL": "chainsaw idling", "SAWFUL": "chainsaw", "SAWHIT": "chainsaw cutting", "RLAUNC": "rocket launch",
    "RXPLOD": "explosion", "FIRSHT": "fire whoosh", "FIRXPL": "fire explosion", "PSTART": "machine starting",
    "PSTOP": "machine stopping", "DOROPN": "sliding door opening", "DORCLS": "sliding door closing",
    "STNMOV": "stone scraping", "SWTCHN": "switch", "SWTCHX": "switch", "PLPAIN": "man grunting in pain",
    "DMPAIN": "monster growl", "POPAIN": "groan", "SLOP": "wet splat", "OOF": "man grunting", "POSIT1": "shout",
    "POSIT2": "shout", "POSIT3": "shout", "BGSIT1": "monster growl", "BGSIT2": "monster growl",
    "SGTSIT": "monster growl", "BRSSIT": "monster roar", "SGTATK": "bite", "PLDETH": "man screaming",
    "PDIEHI": "man screaming", "PODTH1": "man dying groan", "PODTH2": "man dying groan", "BGDTH1": "monster growl",
    "SGTDTH": "monster growl", "BRSDTH": "monster roar", "BAREXP": "explosion", "PUNCH": "punch", "TINK": "metal tink",
    "BDOPN": "door opening", "BDCLS": "door closing", "PLASMA": "laser gun", "CACSIT": "monster roar",
    "CYBSIT": "monster roar", "SPISIT": "monster roar", "HOOF": "heavy footstep", "METAL": "metal footstep",
    "DSHTGN": "shotgun shot", "DBOPN": "gun reload", "DBCLS": "gun reload", "DBLOAD": "gun reload",
    "SKEPCH": "punch", "SKESWG": "whoosh",
}  # fmt: skip
KART = {
    "CC0-1.0": {
        "boing": "spring boing", "explosion": "explosion", "exotic-birds": "exotic birds",
        "exotic-birds_2": "exotic birds", "fireworks_show": "fireworks", "jump": "jump",
        "lenautile_restaurant": "restaurant crowd", "nitro": "gas hiss", "plopp": "bubble pop", "river_loop": "river",
        "swap": "whoosh", "waterfall_loop_2": "waterfall", "forcefield": "electric hum", "dark": "dark ambience",
    },
    "Public-Domain": {
        "clock": "clock", "WilhelmScream": "man screaming", "wooden_bridge": "wood creaking", "locked": "lock click",
        "grab_collectable": "chime",
    },
    "CC-BY-3.0": {
        "bowling_roll": "bowling ball rolling", "car_accel": "car accelerating", "car_revup": "car revving",
        "goal_scored": "crowd cheering", "goo": "wet squelch", "hammer": "hammer", "horn": "car horn",
        "inflate": "balloon inflating", "machine_sound": "machine", "metal_clang": "metal clang",
        "parachute": "cloth flapping", "rain": "rain", "skid": "tires skidding", "swatter": "slap",
        "thunder": "thunder", "tractor_beam": "electronic hum", "static-radio": "radio static",
        "gnu_flute": "flute", "bubblegum_explode": "pop",
    },
}  # fmt: skip
_PEOPLE = [f"en+{sex}{n}" for sex, last in (("m", 7), ("f", 5)) for n in range(1, last + 1)]
VOICES = {
    **{person: "man speaking" if "+m" in person else "woman speaking" for person in _PEOPLE},
    **{
        f"{tongue}+{kind}": "speech"
        for tongue in ("de", "fr", "es", "it", "pl", "ru", "hi", "sw")
        for kind in ("m3", "f2")
    },
    **{f"{tongue}+whisper": "whispering" for tongue in ("en", "de", "fr", "es")},
    **{f"{tongue}+croak": "hoarse voice" for tongue in ("en", "it")},
}
SENTENCES = (
    "Good morning, how are you today?",
    "The train to the city leaves from platform nine in five minutes.",
    "Please close the door, it is cold outside.",
    "One, two, three, four, five, six, seven, eight, nine, ten.",
    "I do not know where the keys are, have you seen them?",
    "Well, that was a very long day, and tomorrow will be longer.",
    "Stop! Come back here right now!",
)
_DROPPED = (
    "clonk skin adventurer alchemist steampunk action movement animals environment disasters objects structures hits "
    "liquids materials weapons ui chippie puka wipf mooq tree projectile general zap"
)
CLONK = {
    **dict.fromkeys(_DROPPED.split(), ""),
    "blunderbuss": "gun", "shoot": "shot", "blast": "explosion", "inflame": "fire igniting", "stereo": "",
    "confirm": "man saying yes", "decline": "man saying no", "doubt": "man mumbling", "evil": "",
    "shock": "man gasping",
    "hurt": "groan of pain", "die": "dying groan", "laughter": "man laughing", "scream": "man screaming",
    "singing": "man singing", "munch": "munching", "aroof": "dog bark", "weep": "whining", "snuff": "sniffing",
    "step": "footstep", "pshshsh": "steam hiss", "waterdrop": "water drop", "plane": "aeroplane",
    "lorry": "wagon", "pumpjack": "pump", "blowout": "blowing out", "un": "", "next": "", "wave": "horn",
    "cleared": "chime", "confirmed": "beep", "select": "click", "core": "", "farmer": "", "lava": "", "kit": "",
    "windbag": "wind", "boompack": "rocket", "teleport": "whoosh", "in": "", "out": "", "talk": "chirp",
}  # fmt: skip
"""Words of OpenClonk's file names that mean something else, or nothing."""
FONT_EFFECTS = {
    "001-120": "guitar cut noise", "001-121": "key click", "001-122": "rain", "001-123": "dog barking",
    "001-124": "telephone ringing", "001-125": "car starting", "001-126": "laughing", "001-127": "machine gun",
    "002-120": "string slap", "002-122": "thunder", "002-123": "horse galloping", "002-124": "door creaking",
    "002-125": "tires skidding", "002-126": "screaming", "002-127": "laser gun", "003-122": "wind",
    "003-123": "bird", "003-124": "door closing", "003-125": "car passing", "003-126": "punch",
    "003-127": "explosion", "004-122": "stream", "004-124": "record scratch", "004-125": "car crash",
    "005-122": "bubbles", "005-124": "wind chimes", "005-125": "siren", "005-126": "footsteps",
    "006-125": "train", "007-125": "jet plane", "008-125": "spaceship",
}  # fmt: skip
"""By bank and program."""
FONT_KIT = {
    41: "record scratch", 42: "record scratch", 43: "drum sticks", 44: "click", 45: "metronome click",
    46: "metronome bell", 47: "guitar fret noise", 57: "footsteps", 58: "applause", 70: "helicopter",
    72: "gun shot", 78: "birds", 82: "sea waves",
}  # fmt: skip
"""By key."""
