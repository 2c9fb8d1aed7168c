"""Proportions of the subtypes: those that training and test show, and unusual ones, the shape nuisance.

Floats vary from instance to instance; integers, flags and names are structure and stay. Values a subtype does not
name come from its class's defaults.
"""

Table = dict[str, float | int | str | bool]

# fmt: off
DEFAULTS: dict[str, Table] = {
    "aeroplane": {
        "radius": 0.055, "span": 0.95, "root": 0.2, "tip": 0.07, "sweep": 0.45, "wing_z": -0.4, "wing_y": -0.02,
        "dihedral": 0.1, "fin": 0.17, "tail": 0.19, "engines": 1, "engine_radius": 0.035, "propeller": False,
        "t_tail": False, "biplane": False, "painted": False,
    },
    "bicycle": {
        "front_wheel": 0.2, "rear_wheel": 0.2, "tyre": 0.013, "pipe": 0.015, "crank": 0.19, "stay": 0.24,
        "saddle": 0.5, "head": 0.48, "stem": 0.06, "bar": 0.13, "drop": False, "basket": False, "step_through": False,
        "tandem": False,
    },
    "boat": {
        "beam": 0.26, "depth": 0.13, "cabin": 0.0, "cabin_y": 0.1, "cabin_height": 0.14, "funnel": 0.0, "mast": 0.0,
        "jib": False, "benches": False, "twin": False,
    },
    "bottle": {
        "radius": 0.15, "waist": 1.0, "neck": 0.05, "body": 0.55, "shoulder": 0.72, "slope": 1.0, "cap": 0.06,
        "label_low": 0.25, "label_high": 0.8, "stretch": 1.0, "trigger": False, "handle": False,
    },
    "bus": {"width": 0.24, "height": 0.27, "wheel": 0.055, "bonnet": 0.0, "decks": 1, "axles": 2},
    "car": {
        "width": 0.42, "body": 0.14, "wheel": 0.085, "cabin": 0.13, "screen": -0.2, "rear": 0.33, "rake": 0.13,
        "rear_rake": 0.12, "boot": 0.85, "pillars": 2, "bed": False,
    },
    "chair": {
        "width": 0.46, "depth": 0.44, "seat": 0.45, "back": 0.5, "thick": 0.05, "lean": 0.06, "back_top": 0.9,
        "spindles": 0, "slats": False, "leg": 0.024, "splay": 0.0, "base": "legs", "cushion": False, "arms": False,
        "rungs": False,
    },
    "diningtable": {
        "width": 1.0, "depth": 0.6, "height": 0.5, "thick": 0.04, "inset": 0.9, "leg": 0.03, "base": "legs",
        "round": False, "drawer": True, "vase": True,
    },
    "motorbike": {
        "wheel": 0.17, "tyre": 0.07, "fork": 0.12, "head": 0.5, "seat": 0.4, "tank": 0.44, "bar": 0.14, "rise": 0.06,
        "exhaust": 0.8, "fender": 1.0, "fairing": False, "scooter": False, "trike": False,
    },
    "sofa": {
        "width": 1.0, "depth": 0.42, "seat": 0.2, "back": 0.42, "arm": 0.1, "arm_height": 0.29, "back_thick": 0.11,
        "back_top": 1.0, "seats": 2, "arms": 2, "rolled": False, "chaise": False, "pillows": True,
    },
    "train": {
        "width": 0.15, "height": 0.17, "nose": 0.0, "carriages": 2, "steam": False, "pantograph": True,
        "painted": False,
    },
    "tvmonitor": {
        "width": 1.0, "height": 0.58, "thick": 0.08, "lift": 0.14, "bezel": 0.035, "chin": 0.0, "tube": 0.0,
        "neck": 0.12, "antenna": False, "stand": "neck",
    },
}

KNOWN: dict[str, dict[str, Table]] = {
    "aeroplane": {
        "airliner": {},
        "jumbo": {"radius": 0.065, "engines": 2, "root": 0.22, "span": 1.0, "fin": 0.19},
        "propeller": {
            "radius": 0.06, "span": 1.0, "root": 0.15, "tip": 0.12, "sweep": 0.02, "wing_z": 0.9, "wing_y": -0.17,
            "engines": 0, "propeller": True, "painted": True,
        },
    },
    "bicycle": {
        "road": {"drop": True},
        "city": {"step_through": True, "basket": True, "stem": 0.12},
        "mountain": {"tyre": 0.022, "pipe": 0.02, "bar": 0.17, "saddle": 0.48},
    },
    "boat": {
        "sailing": {"mast": 0.5, "jib": True, "beam": 0.27, "depth": 0.13},
        "motor": {"cabin": 0.36, "cabin_y": 0.0, "cabin_height": 0.17, "depth": 0.16, "beam": 0.3},
        "fishing": {"cabin": 0.22, "cabin_y": 0.2, "cabin_height": 0.26, "mast": 0.0, "depth": 0.18, "beam": 0.3},
    },
    "bottle": {
        "wine": {"radius": 0.145, "neck": 0.045, "body": 0.55, "shoulder": 0.7},
        "beer": {"radius": 0.15, "neck": 0.055, "body": 0.5, "shoulder": 0.8, "slope": 1.6},
        "cola": {
            "radius": 0.16, "waist": 0.78, "neck": 0.06, "body": 0.6, "shoulder": 0.86, "label_low": 0.35,
            "label_high": 0.9,
        },
    },
    "bus": {
        "city": {},
        "coach": {"height": 0.3, "width": 0.23, "axles": 3},
        "double": {"height": 0.42, "width": 0.25, "decks": 2},
    },
    "car": {
        "sedan": {},
        "hatchback": {"screen": -0.22, "rear": 0.47, "rear_rake": 0.1, "cabin": 0.15, "width": 0.45, "boot": 0.95},
        "suv": {
            "body": 0.17, "cabin": 0.16, "wheel": 0.105, "width": 0.46, "rear": 0.46, "rear_rake": 0.05, "rake": 0.1,
            "boot": 0.95, "pillars": 3,
        },
    },
    "chair": {
        "dining": {"spindles": 3, "slats": True, "rungs": True},
        "spindle": {"spindles": 6, "splay": 0.05, "lean": 0.09},
        "panel": {"cushion": True},
    },
    "diningtable": {
        "rectangular": {},
        "round": {"round": True, "base": "pedestal", "width": 0.95, "depth": 0.8},
        "trestle": {"base": "trestle", "inset": 0.75, "width": 1.0, "depth": 0.56, "drawer": False},
    },
    "motorbike": {
        "cruiser": {"fork": 0.18, "seat": 0.34, "tank": 0.42, "rise": 0.09, "bar": 0.18},
        "sport": {"fairing": True, "seat": 0.44, "rise": -0.02, "exhaust": 1.6},
        "naked": {},
    },
    "sofa": {
        "two": {},
        "three": {"seats": 3, "width": 1.2},
        "rolled": {"rolled": True, "arm": 0.11, "arm_height": 0.3, "back": 0.4, "seats": 3, "width": 1.1},
    },
    "train": {
        "express": {"nose": 0.2, "width": 0.14, "painted": True},
        "regional": {"nose": 0.06, "height": 0.19, "width": 0.16},
        "tram": {"nose": 0.03, "carriages": 3, "height": 0.17, "width": 0.13, "painted": True},
    },
    "tvmonitor": {
        "flat": {"stand": "feet", "lift": 0.08, "thick": 0.09},
        "monitor": {},
        "crt": {
            "width": 0.9, "height": 0.66, "thick": 0.12, "tube": 0.24, "lift": 0.03, "bezel": 0.07, "chin": 0.1,
            "stand": "none",
        },
    },
}

UNUSUAL: dict[str, dict[str, Table]] = {
    "aeroplane": {
        "fighter": {
            "radius": 0.05, "span": 0.74, "root": 0.48, "tip": 0.05, "sweep": 0.85, "wing_z": -0.1, "wing_y": 0.12,
            "dihedral": 0.0, "engines": 0, "painted": True, "fin": 0.2,
        },
        "glider": {
            "radius": 0.045, "span": 1.05, "root": 0.11, "tip": 0.05, "sweep": 0.04, "wing_z": 0.5, "wing_y": -0.12,
            "engines": 0, "t_tail": True,
        },
        "biplane": {
            "radius": 0.07, "span": 0.95, "root": 0.17, "tip": 0.16, "sweep": 0.0, "wing_z": -0.6, "wing_y": -0.22,
            "engines": 0, "propeller": True, "biplane": True,
        },
        "forward": {"radius": 0.05, "span": 0.9, "root": 0.18, "tip": 0.12, "sweep": -0.5, "wing_y": 0.2, "engines": 0},
        "blimp": {"radius": 0.15, "span": 0.6, "root": 0.2, "tip": 0.1, "engines": 1, "fin": 0.22},
    },
    "bicycle": {
        "bmx": {
            "front_wheel": 0.17, "rear_wheel": 0.17, "tyre": 0.02, "crank": 0.16, "stay": 0.26, "saddle": 0.36,
            "head": 0.4, "stem": 0.16,
        },
        "penny": {"front_wheel": 0.33, "rear_wheel": 0.11, "head": 0.74, "saddle": 0.72, "crank": 0.33, "stay": 0.5},
        "tandem": {"front_wheel": 0.15, "rear_wheel": 0.15, "tandem": True, "stay": 0.36, "saddle": 0.42, "head": 0.42},
        "chopper": {"front_wheel": 0.13, "rear_wheel": 0.22, "tyre": 0.03, "stem": 0.24, "saddle": 0.4, "bar": 0.22},
    },
    "boat": {
        "steamer": {"cabin": 0.5, "cabin_y": 0.08, "cabin_height": 0.17, "funnel": 0.16, "depth": 0.17, "beam": 0.26},
        "rowing": {"benches": True, "depth": 0.17, "beam": 0.34},
        "catamaran": {"twin": True, "mast": 0.85, "beam": 0.16, "depth": 0.1},
        "tower": {"cabin": 0.24, "cabin_y": -0.1, "cabin_height": 0.42, "beam": 0.36, "depth": 0.24},
        "tug": {"cabin": 0.3, "cabin_y": -0.12, "cabin_height": 0.3, "funnel": 0.22, "depth": 0.26, "beam": 0.44},
    },
    "bottle": {
        "water": {"radius": 0.17, "neck": 0.075, "body": 0.72, "shoulder": 0.86, "cap": 0.09},
        "spray": {"radius": 0.19, "neck": 0.05, "body": 0.58, "shoulder": 0.75, "stretch": 0.8, "trigger": True},
        "jug": {"radius": 0.2, "neck": 0.08, "body": 0.6, "shoulder": 0.82, "cap": 0.1, "handle": True},
        "flask": {"radius": 0.32, "neck": 0.05, "body": 0.34, "shoulder": 0.55, "stretch": 0.45, "label_low": 0.2},
        "vial": {"radius": 0.08, "neck": 0.065, "body": 0.8, "shoulder": 0.85, "cap": 0.12},
        "bulb": {"radius": 0.3, "waist": 1.25, "neck": 0.04, "body": 0.4, "shoulder": 0.56, "cap": 0.03},
    },
    "bus": {
        "school": {"bonnet": 0.14, "height": 0.26},
        "mini": {"height": 0.33, "width": 0.32, "wheel": 0.075},
        "tower": {"height": 0.72, "width": 0.3, "decks": 2},
        "long": {"height": 0.16, "width": 0.14, "wheel": 0.03, "axles": 3},
        "snout": {"bonnet": 0.34, "height": 0.32, "wheel": 0.1},
    },
    "car": {
        "wagon": {"screen": -0.2, "rear": 0.48, "rear_rake": 0.07, "cabin": 0.13, "pillars": 3, "boot": 0.95},
        "pickup": {
            "screen": -0.24, "rear": 0.1, "rear_rake": 0.03, "rake": 0.1, "cabin": 0.16, "body": 0.16, "wheel": 0.1,
            "bed": True, "pillars": 1, "boot": 0.95,
        },
        "sports": {
            "body": 0.11, "cabin": 0.09, "screen": -0.12, "rear": 0.36, "rake": 0.18, "rear_rake": 0.2, "width": 0.44,
            "boot": 0.95, "pillars": 1,
        },
        "monster": {"wheel": 0.19, "body": 0.13, "cabin": 0.12, "width": 0.52},
        "limousine": {
            "width": 0.26, "body": 0.09, "cabin": 0.08, "wheel": 0.05, "screen": -0.28, "rear": 0.42, "pillars": 3,
        },
        "bubble": {
            "width": 0.6, "body": 0.2, "cabin": 0.3, "wheel": 0.1, "screen": -0.4, "rear": 0.45, "rake": 0.15,
            "rear_rake": 0.18, "boot": 0.95,
        },
    },
    "chair": {
        "arm": {"arms": True, "cushion": True, "width": 0.56, "depth": 0.52, "seat": 0.4, "back": 0.42},
        "office": {"base": "star", "cushion": True, "arms": True, "back_top": 0.8, "lean": 0.08},
        "sled": {"base": "sled", "back": 0.42, "lean": 0.1, "leg": 0.016},
        "throne": {"seat": 0.35, "back": 1.1, "width": 0.5, "arms": True, "back_top": 0.5},
        "bar": {"seat": 0.85, "back": 0.2, "width": 0.36, "depth": 0.36, "rungs": True, "splay": 0.07},
        "tripod": {"base": "tripod", "leg": 0.04, "seat": 0.4, "back": 0.35, "back_top": 0.4, "splay": 0.08},
        "rocker": {"base": "rocker", "spindles": 6, "back": 0.7, "seat": 0.42},
    },
    "diningtable": {
        "slab": {"base": "slab", "inset": 0.82, "thick": 0.06, "drawer": False},
        "square": {"width": 0.9, "depth": 0.7, "height": 0.52, "leg": 0.04},
        "low": {"height": 0.2, "width": 1.0, "depth": 0.9, "thick": 0.08},
        "high": {"height": 1.0, "width": 0.55, "depth": 0.5, "base": "pedestal", "drawer": False},
        "plank": {"width": 1.2, "depth": 0.22, "base": "trestle", "drawer": False, "height": 0.4, "inset": 0.8},
    },
    "motorbike": {
        "scooter": {
            "wheel": 0.12, "tyre": 0.08, "scooter": True, "seat": 0.42, "tank": 0.33, "head": 0.55, "fork": 0.1,
        },
        "dirt": {"wheel": 0.19, "tyre": 0.05, "seat": 0.5, "tank": 0.52, "head": 0.6, "fender": 1.25, "exhaust": 1.7},
        "chopper": {"fork": 0.32, "head": 0.52, "seat": 0.28, "tank": 0.4, "rise": 0.24, "bar": 0.2},
        "trike": {"trike": True, "wheel": 0.15, "rise": 0.12},
        "fat": {"tyre": 0.2, "wheel": 0.2, "seat": 0.42, "head": 0.46},
    },
    "sofa": {
        "love": {"width": 0.86, "seats": 2, "back": 0.46, "arm": 0.09},
        "chaise": {"chaise": True, "seats": 3, "width": 1.15, "pillows": False},
        "single-arm": {"arms": 1, "seats": 3, "back": 0.3, "width": 1.2},
        "high": {"back": 0.85, "seats": 2, "width": 0.8, "back_top": 0.7, "arm": 0.06},
        "bench": {
            "arm": 0.03, "arm_height": 0.2, "back": 0.3, "width": 1.4, "depth": 0.24, "seats": 3, "pillows": False,
        },
    },
    "train": {
        "steam": {"nose": 0.42, "steam": True, "carriages": 1, "width": 0.17, "height": 0.2, "pantograph": False},
        "metro": {"carriages": 2, "height": 0.18, "width": 0.16, "pantograph": False},
        "double": {"nose": 0.1, "height": 0.3, "width": 0.14, "carriages": 1},
        "toy": {"nose": 0.5, "steam": True, "carriages": 1, "width": 0.3, "height": 0.36, "pantograph": False},
        "needle": {"nose": 0.45, "width": 0.09, "height": 0.1, "carriages": 1, "painted": True},
    },
    "tvmonitor": {
        "desktop": {"width": 0.9, "height": 0.6, "chin": 0.09, "thick": 0.05, "lift": 0.13, "neck": 0.2},
        "console": {
            "width": 0.95, "height": 0.6, "thick": 0.14, "tube": 0.16, "bezel": 0.06, "chin": 0.07, "lift": 0.14,
            "stand": "legs",
        },
        "portrait": {"width": 0.5, "height": 0.9, "lift": 0.16},
        "ultrawide": {"width": 1.4, "height": 0.4, "lift": 0.12, "neck": 0.3},
        "antenna": {
            "width": 0.7, "height": 0.56, "thick": 0.2, "tube": 0.5, "bezel": 0.09, "chin": 0.12, "lift": 0.24,
            "antenna": True, "stand": "legs",
        },
    },
}
# fmt: on
