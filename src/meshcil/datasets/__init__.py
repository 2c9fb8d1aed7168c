"""Data sets: the embedded primitives3d, readers of the published formats, and the prepared container."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "cad": ["read_off", "pooled_vertices"],
        "occluded_pascal3d": ["OcclusionMasks", "list_occluded", "read_masks"],
        "ood_cv": ["list_nuisance"],
        "pascal3d": ["Annotation", "RawSample", "list_split", "read_annotation"],
        "preparation": ["prepare_dataset", "prepare_sample"],
        "prepared": [
            "DatasetInfo",
            "PreparedRow",
            "PreparedSplit",
            "load_cuboids",
            "load_info",
            "load_split",
            "write_split",
        ],
        "primitives3d": ["GeneratorSettings", "generate"],
        "windows": ["Window", "cut_image", "cut_mask", "fill_border", "locate", "read_image"],
    },
)
