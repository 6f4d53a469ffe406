"""Files of models inside installed distributions: found through the distribution's list of files, whose code is never
imported, and graphs of ONNX written as ONNX Runtime rewrites them."""

import importlib.metadata
from pathlib import Path


def installed_folder(distribution: str, file_name: str, inside: str = "") -> Path | None:
    """Return the folder of a file in a distribution, of that in the folder `inside` where several have the name.

    None where the distribution is not installed, or has no such file.
    """
    try:
        files = importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    found = [Path(str(one.locate())) for one in files if one.name == file_name and inside in ("", one.parent.name)]
    return found[0].parent if found and found[0].is_file() else None


def write_optimized(source: Path, target: Path) -> None:
    """Write the graph of the file `source` as ONNX Runtime rewrites it, so that no start has to.

    Extended optimizations hold on every CPU, those above them do not.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(target)
    onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
