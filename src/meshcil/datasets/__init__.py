"""Datasets: the embedded primitives3d, readers of the published formats, and the prepared container."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "base": ["Annotation", "OcclusionMasks", "RawImage", "RawSample", "Reader", "Source"],
        "cad": ["read_off", "pooled_vertices"],
        "class_folders": ["list_folders"],
        "images": ["read_image"],
        "objectnet3d": ["list_objects"],
        "occluded_pascal3d": ["list_occluded", "read_masks"],
        "ood_cv": ["list_nuisance"],
        "pascal3d": ["list_split", "read_annotation"],
        "preparation": ["Frame", "make_reader", "prepare_dataset", "prepare_sample"],
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
        "voc2007": ["DetectionImage", "list_images"],
        "windows": ["Window", "cut_image", "cut_mask", "fill_border", "fit_image", "locate"],
    },
)
