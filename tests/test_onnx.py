"""Both kinds of generator outside PyTorch: any batch size, the same picture to 1e-4."""
import numpy as np
import pytest
import torch

from g2gan.editing import export_onnx
from g2gan.generators import G2GAN, GeneratorConfig

onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install 'g2gan[onnx]'")


@pytest.mark.parametrize("kind", ["residual", "warped"])
def test_same_picture(tmp_path, kind):
    torch.manual_seed(0)
    generator = G2GAN(GeneratorConfig(kind, size=32, base=8, max_channels=16)).G_E.eval()
    with torch.no_grad():
        for weight in generator.parameters(): weight.mul_(2)   # fresh ones change next to nothing
    path = export_onnx(generator, tmp_path / "G_E.onnx")
    assert [p.name for p in tmp_path.iterdir()] == ["G_E.onnx"], "nothing half-written is left"
    session = onnxruntime.InferenceSession(str(path))
    for batch in (1, 3):
        image, points = torch.rand(batch, 3, 32, 32), 32 * torch.rand(batch, 68, 2)
        with torch.inference_mode():
            out = generator.draw(image, points)
            mask = 1 if kind == "residual" else torch.sigmoid(out[:, 3:] + generator.config.mask_bias)
            ours = image + mask * torch.tanh(out[:, :3])
        theirs = session.run(["picture"], {"image": image.numpy(), "points": points.numpy()})[0]
        assert np.abs(ours.numpy() - theirs).max() < 1e-4
        assert np.abs(theirs - image.numpy()).max() > 1e-3
