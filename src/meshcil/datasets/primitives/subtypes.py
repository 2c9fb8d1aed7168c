"""Proportions of the subtypes that training and test show.

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
# fmt: on
