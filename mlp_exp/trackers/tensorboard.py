"""TensorBoard: event files in the run folder, with hyperparameters, scalars, figures and texts."""

import struct
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.trackers.tracker import Epoch, TrackedRun, Tracker, final_metrics, succeeded

PNG_SIZE = slice(16, 24)
"""Position of width and height in a PNG file."""


class TensorBoard(Tracker):
    """One event file for each run. For a resumed run it is written again, so that no epoch is in it twice."""

    package = "tensorboard"

    def open(self) -> None:
        import tensorboard.plugins.hparams.summary_v2  # noqa: F401 (the slow part)

    def begin(self, run: TrackedRun) -> None:
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb

        for earlier in _folder(run).glob("events.out.tfevents.*"):
            earlier.unlink()
        run.epochs = 0
        _folder(run).mkdir(exist_ok=True)
        _append(run, [_event(time.time(), file_version="brain.Event:2")])
        _append(run, [_event(time.time(), summary=hparams_pb(dict(run.params), run.name, run.began))])

    def write(self, run: TrackedRun, epochs: Sequence[Epoch], result: Mapping[str, Any] | None) -> None:
        events = [_event(epoch.time, epoch.number, _scalars(epoch.values)) for epoch in epochs]
        if result is not None:
            events.append(_event(time.time(), result.get("epochs", 0), _scalars(final_metrics(result))))
            events.append(_event(time.time(), summary=_session_end(success=succeeded(result))))
        _append(run, events)

    def attach(self, run: TrackedRun, file: Path) -> None:
        shown = {".png": _image, ".yaml": _text, ".json": _text}
        if file.suffix in shown:
            _append(run, [shown[file.suffix](run, file)])

    def finish(self, run: TrackedRun) -> None:
        """Nothing to do: no file stays open."""

    def close(self) -> None:
        """Nothing to do."""


def _folder(run: TrackedRun) -> Path:
    return RunFolder(run.folder).event_files


def _append(run: TrackedRun, events: Sequence[Any]) -> None:
    from tensorboard.summary.writer.record_writer import RecordWriter

    with (_folder(run) / "events.out.tfevents.0.mlp_exp").open("ab") as file:
        writer = RecordWriter(file)
        for event in events:
            writer.write(event.SerializeToString())


def _event(moment: float, step: int = 0, summary: Any = None, **other: Any) -> Any:
    from tensorboard.compat.proto.event_pb2 import Event

    return Event(wall_time=moment, step=step, summary=summary, **other)


def _scalars(values: Mapping[str, float]) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary(value=[Summary.Value(tag=name, simple_value=value) for name, value in values.items()])


def _session_end(*, success: bool) -> Any:
    """The final status of the run for the hyperparameter page."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    status = api_pb2.STATUS_SUCCESS if success else api_pb2.STATUS_FAILURE
    end = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=time.time())
    content = plugin_data_pb2.HParamsPluginData(session_end_info=end)
    tag, described = metadata.SESSION_END_INFO_TAG, metadata.create_summary_metadata(content)
    return Summary(value=[Summary.Value(tag=tag, metadata=described, tensor=metadata.NULL_TENSOR)])


def _image(run: TrackedRun, file: Path) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary

    png = file.read_bytes()
    width, height = struct.unpack(">II", png[PNG_SIZE])
    image = Summary.Image(width=width, height=height, colorspace=4, encoded_image_string=png)
    tag = file.relative_to(run.folder).with_suffix("").as_posix()
    return _event(time.time(), summary=Summary(value=[Summary.Value(tag=tag, image=image)]))


def _text(run: TrackedRun, file: Path) -> Any:
    from tensorboard.plugins.text.summary_v2 import text_pb

    markdown = "".join(f"    {line}\n" for line in file.read_text(encoding="utf-8").splitlines())
    return _event(time.time(), summary=text_pb(file.name, markdown))
