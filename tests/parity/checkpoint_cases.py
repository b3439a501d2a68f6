"""Tiny CLIPs in every layout that users have, with what the peer makes of the same pictures and captions."""

import argparse
import collections
import dataclasses
import datetime
import decimal
import enum
import json
import pathlib
import random
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import open_clip
import torch
import transformers
from open_clip.model import CLIP, CustomTextCLIP
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPConfig

SIDE = 32
VISION = dict(image_size=SIDE, layers=2, width=64, head_width=32, patch_size=8)
TEXT = dict(context_length=77, vocab_size=49408, width=64, heads=2, layers=2)
CAPTIONS = ["a photo of a cat", "A Big_Dog's life, isn't it?", "", "ICE-cream & <tea>; 3.5%!", "x " * 100]
OPENAI = ["--model.like", "openai"]


@dataclass
class Case:
    """What is opened, and the peer's unit features, or words of the refusal."""

    name: str
    path: Path
    flags: list[str] = field(default_factory=list)
    images: torch.Tensor | None = None
    texts: torch.Tensor | None = None
    refused: tuple[str, ...] = ()


def pictures(folder: Path) -> list[Path]:
    """Upright and wide, odd and even rests, larger and smaller than the input, in the modes that decoders hand out."""
    rng, files = np.random.default_rng(3), []
    for i, (height, width) in enumerate([(32, 32), (45, 60), (61, 40), (37, 33), (20, 31)]):
        smooth = Image.fromarray(rng.integers(0, 256, (9, 9, 4), dtype=np.uint8), "RGBA").resize((width, height), Image.Resampling.BICUBIC)
        modes = ["RGB"] if i else ["RGB", "L"]
        if i == 1:
            modes += ["RGBA", "LA", "P", "1"]
        for mode in modes:
            files.append(folder / f"{i}-{mode}.png")
            (smooth.convert("RGB").quantize(200) if mode == "P" else smooth.convert(mode)).save(files[-1])
    return files


def loud(model: torch.nn.Module) -> torch.nn.Module:
    """Larger weights than at initialisation, so that the functions are far from linear and no value hides a mistake."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1 and "embedding" not in name:
                parameter.mul_(2.0)
            elif name.endswith("bias"):
                parameter.normal_(0, 0.1)
    return model.eval()


def unit(rows: torch.Tensor) -> torch.Tensor:
    return (rows / rows.norm(dim=-1, keepdim=True)).detach().float()


class Box(collections.OrderedDict):
    """A trainer's own dict."""


class Colour(enum.Enum):
    RED = 1


@dataclasses.dataclass
class Settings:
    rate: float = 0.1
    colour: Colour = Colour.RED


class Cases:
    def __init__(self, folder: Path):
        self.folder, self.all = folder, []
        self.files = pictures(folder)
        self.opened = [Image.open(file) for file in self.files]
        self.base = self.open_clip_model()
        self.state = dict(self.base.state_dict())
        self.base_images = self.open_clip_images(self.base, PreprocessCfg(size=SIDE))
        self.base_texts = self.open_clip_texts(self.base)

    # --- the peers ---

    def open_clip_model(self, vision=None, text=None, cls=CLIP, **top):
        torch.manual_seed(0)
        return loud(cls(48, {**VISION, **(vision or {})}, {**TEXT, **(text or {})}, **top))

    def open_clip_images(self, model, cfg):
        transform = image_transform_v2(cfg, is_train=False)
        with torch.no_grad():
            return unit(model.encode_image(torch.stack([transform(picture) for picture in self.opened])))

    def open_clip_texts(self, model, **tokenizer):
        with torch.no_grad():
            return unit(model.encode_text(open_clip.tokenizer.SimpleTokenizer(**tokenizer)(CAPTIONS)))

    # --- folders ---

    def place(self, name: str) -> Path:
        (self.folder / name).mkdir()
        return self.folder / name

    def accept(self, name, path, images, texts, *flags):
        self.all.append(Case(name, path, ["--model.pillow", "13", *flags], images, texts))

    def refuse(self, name, path, *words, flags=()):
        self.all.append(Case(name, path, list(flags), refused=words))

    def config(self, folder, vision=None, text=None, top=None, pixels=None, bare=False):
        model = {"embed_dim": 48, "vision_cfg": {**VISION, **(vision or {})}, "text_cfg": {**TEXT, **(text or {})}, **(top or {})}
        whole = model if bare else dict(model_cfg=model, preprocess_cfg=pixels or {})
        (folder / "open_clip_config.json").write_text(json.dumps(whole))

    def weights(self, folder, model=None):
        state = self.state if model is None else model.state_dict()
        save_file({key: value.contiguous() for key, value in state.items()}, folder / "open_clip_model.safetensors")

    def open_clip(self, name, vision=None, text=None, top=None, pixels=None, build=None, bare=False, tokenizer=None):
        """A folder of open_clip; `build`: where the peer's classes take other arguments than the configuration has."""
        folder, plain = self.place(name), not (vision or text or top or build)
        keys = {key: value for key, value in (top or {}).items() if key not in ("custom_text", "output_dict")}
        cls = CustomTextCLIP if (top or {}).get("custom_text") else CLIP
        tower = {key: value for key, value in (text or {}).items() if key != "tokenizer_kwargs"}
        model = self.base if plain else self.open_clip_model(vision, tower, cls, **{**keys, **(build or {})})
        self.weights(folder, model)
        self.config(folder, vision, text, top, pixels, bare)
        cfg = PreprocessCfg(**{**{key: value for key, value in (pixels or {}).items() if value is not None}, "size": SIDE})
        self.accept(name, folder, self.open_clip_images(model, cfg), self.open_clip_texts(model, **(tokenizer or {})))

    def open_clip_refused(self, name, *words, **config):
        folder = self.place(name)
        shutil.copy(self.folder / "plain" / "open_clip_model.safetensors", folder)
        self.config(folder, **config)
        self.refuse(name, folder, "open_clip_config.json", *words)

    def pickled(self, name, content, *flags, images=None, texts=None, old=False):
        torch.save(content, self.folder / f"{name}.pt", _use_new_zipfile_serialization=not old)
        self.accept(name, self.folder / f"{name}.pt", self.base_images if images is None else images,
                    self.base_texts if texts is None else texts, "--model.like", "open_clip", "--model.head_width", "32", *flags)


def open_clip_folders(c: Cases) -> None:
    c.open_clip("plain")
    c.open_clip("bare_model_config", bare=True)
    c.open_clip("quick_gelu", top=dict(quick_gelu=True))
    for name, eps in (("eps_small", 1e-6), ("eps_large", 1e-2)):
        c.open_clip(name, dict(norm_kwargs=dict(eps=eps)), dict(norm_kwargs=dict(eps=eps)))
    c.open_clip("eps_of_one_tower", dict(norm_kwargs=dict(eps=0.05)))
    c.open_clip("mlp_ratio", dict(mlp_ratio=2.7), dict(mlp_ratio=3.0))
    c.open_clip("heads", dict(head_width=16), dict(heads=4))
    c.open_clip("layer_scale", dict(ls_init_value=0.3), dict(ls_init_value=0.2))
    c.open_clip("sides_in_lists", dict(image_size=[SIDE, SIDE], patch_size=[8, 8]))
    c.open_clip("longest", pixels=dict(resize_mode="longest"))
    c.open_clip("longest_filled", pixels=dict(resize_mode="longest", fill_color=127))
    c.open_clip("longest_white_bilinear", pixels=dict(resize_mode="longest", fill_color=255, interpolation="bilinear"))
    c.open_clip("squash", pixels=dict(resize_mode="squash", mode="RGB"))
    c.open_clip("random_interpolation", pixels=dict(interpolation="random", mean=None, size=100))
    c.open_clip("statistics", pixels=dict(mean=[0.5, 0.4, 0.3], std=[0.5, 0.25, 0.125]))
    c.open_clip("statistics_of_all_channels", pixels=dict(mean=0.5, std=0.5))
    for clean in ("lower", "whitespace", "canonicalize"):
        c.open_clip(f"clean_{clean}", text=dict(tokenizer_kwargs=dict(clean=clean)), tokenizer=dict(clean=clean))
    c.open_clip("custom_text", top=dict(custom_text=True, output_dict=False))
    c.open_clip("logit_bias", top=dict(init_logit_bias=-10.0))
    c.open_clip("vector_of_scale", top=dict(init_logit_bias=-10.0, nonscalar_logit_scale=True, init_logit_scale=2.0))
    c.open_clip("pooled_at_eos", text=dict(pool_type="eos", eos_id=49407))
    c.open_clip("norm_after_pool", dict(final_ln_after_pool=True), dict(final_ln_after_pool=True))
    c.open_clip("of_training", dict(patch_dropout=0.5, timm_drop=0.1), dict(pad_id=5))
    c.open_clip("sin_cos_positions", dict(pos_embed_type="sin_cos_2d"))
    c.open_clip("off", dict(no_ln_pre=False, attentional_pool=False, act_kwargs=dict(approximate="none"), block_type=None, attn_pooler_heads=4),
                dict(hf_model_name=None, proj_bias=False, embed_cls=False))
    for key, value in dict(no_ln_pre=True, pool_type="avg", attentional_pool=True, act_kwargs=dict(approximate="tanh"), qk_norm=True,
                           scale_heads=True, scale_fc=True, block_type="custom", output_tokens=True, timm_model_name="vit_base",
                           norm_kwargs=dict(elementwise_affine=False), global_average_pool=True, rope=True, width=128, layers=3,
                           image_size=64, patch_size=16, mlp_ratio=2.0).items():
        word = "elementwise_affine" if key == "norm_kwargs" else "approximate" if key == "act_kwargs" else key
        c.open_clip_refused(f"vision_{key}", word, vision={key: value})
    for key, value in dict(embed_cls=True, no_causal_mask=True, proj_bias=True, proj_type="none", pool_type="last", vocab_size=32000,
                           hf_tokenizer_name="bert-base-uncased", context_length=64, tokenizer_mode="clips", causal=False,
                           tokenizer_kwargs=dict(additional_special_tokens=["<x>"])).items():
        c.open_clip_refused(f"text_{key}", "additional_special_tokens" if key == "tokenizer_kwargs" else key, text={key: value})
    c.open_clip_refused("text_reduction", "reduction_mask", text=dict(tokenizer_kwargs=dict(reduction_mask="shuffle")))
    c.open_clip_refused("text_eos", "pool_type", text=dict(pool_type="eos"))
    c.open_clip_refused("top_multimodal", "multimodal_cfg", top=dict(multimodal_cfg=dict(width=8)))
    c.open_clip_refused("top_unknown", "temperature", top=dict(temperature=2))
    c.open_clip_refused("top_embed_dim", "embed_dim", top=dict(embed_dim=64))
    for key, value in dict(mode="L", crop_pct=0.9, interpolation="nearest", fill_color=300).items():
        c.open_clip_refused(f"pixels_{key}", key, pixels={key: value})
    conflict = c.folder / "plain"  # states the exact GELU, and heads 32 wide
    c.refuse("like_contradicts", conflict, "--model.like openai contradicts open_clip_config.json", "activation (gelu, here quick_gelu)",
             "--model.activation", flags=OPENAI)
    flagged = c.open_clip_model(quick_gelu=True)
    flagged.load_state_dict(c.state)
    c.accept("flag_overrides", conflict, c.open_clip_images(flagged, PreprocessCfg(size=SIDE)), c.open_clip_texts(flagged),
             "--model.activation", "quick_gelu")


def configs_of_the_wheel(c: Cases) -> None:
    """Every configuration that open_clip ships, next to weights of other sizes: read to its end, or refused by the key that makes
    it no CLIP of these families."""
    for file in sorted((Path(open_clip.__file__).parent / "model_configs").glob("*.json")):
        config = json.loads(file.read_text())
        vision, text = config["vision_cfg"], config["text_cfg"]
        word = next((key for part, key in ((config, "multimodal_cfg"), (vision, "timm_model_name"), (vision, "attentional_pool"),
                                           (vision, "no_ln_pre"), (text, "hf_model_name"), (text, "hf_tokenizer_name")) if part.get(key)), None)
        folder = c.place("wheel_" + file.stem)
        (folder / "open_clip_model.safetensors").hardlink_to(c.folder / "plain" / "open_clip_model.safetensors")
        (folder / "open_clip_config.json").write_text(json.dumps(dict(model_cfg=config)))
        c.refuse(folder.name, folder, word or "expected the tensors'")


def pickles(c: Cases) -> None:
    sd, other = c.state, {key: value * 1.5 for key, value in c.state.items()}
    for word in ("state_dict", "model_state_dict", "model", "module", "ema", "ema_state_dict", "state_dict_ema", "student", "net", "weird"):
        c.pickled(f"under_{word}", {"epoch": 1, word: sd, "loss": 0.5, "optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}}})
    c.pickled("under_two_words", {"checkpoint": {"model": sd, "step": 3}})
    c.pickled("in_a_list", [{"epoch": 2}, sd])
    c.pickled("old_stream", {"model": sd, "best": np.float64(0.5)}, old=True)
    c.pickled("whole_module", c.base)
    c.pickled("whole_module_under_a_word", {"model": c.base, "epoch": 3})
    for tag, prefix in enumerate(("_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "module.module.", "model.", "module.model._orig_mod.",
                                  "model.module.", "clip.", "_orig_mod.model.module.", "net.clip_model.", "student.model.")):
        c.pickled(f"wrapped_{tag}", {"state_dict": {prefix + key: value for key, value in sd.items()}})
    c.pickled("next_to_other_modules", {"state_dict": {**{"model." + key: value for key, value in sd.items()}, "criterion.weight": torch.ones(2)}})
    inside = {key.replace("visual.", "visual._orig_mod.", 1): value for key, value in sd.items()}
    c.pickled("compiled_image_tower", inside)
    c.pickled("compiled_blocks", {key.replace("resblocks.", "resblocks._orig_mod.", 1): value for key, value in sd.items()})
    custom = {key if key.startswith(("visual.", "logit")) else "text.module." + key: value for key, value in sd.items()}
    c.pickled("parallel_text_tower", {"model": custom})
    c.pickled("custom_text_wrapped", {"module." + key.replace("text.module.", "text."): value for key, value in custom.items()})
    c.pickled("average_next_to_it", {"state_dict": sd, "ema": other})
    scaled = c.open_clip_model()
    scaled.load_state_dict(other)
    of_other = dict(images=c.open_clip_images(scaled, PreprocessCfg(size=SIDE)), texts=c.open_clip_texts(scaled))
    c.pickled("average_by_its_name", {"state_dict": sd, "ema": other}, "--model.entry", "ema", **of_other)
    both = {"state_dict": {**{"student." + k: v for k, v in sd.items()}, **{"teacher." + k: v for k, v in other.items()}}}
    c.pickled("student_and_teacher", both)
    c.pickled("teacher_by_its_name", both, "--model.entry", "state_dict.teacher", **of_other)
    torch.save({"first": sd, "second": other}, c.folder / "ambiguous.pt")
    c.refuse("ambiguous", c.folder / "ambiguous.pt", "several models", "'first'", "'second'", "--model.entry")
    c.refuse("no_such_entry", c.folder / "under_ema.pt", "no model at 'teacher'", "'ema'", flags=["--model.entry", "teacher"])
    torch.save({"epoch": 1, "classifier": {"fc.weight": torch.zeros(2, 2)}, "args": argparse.Namespace(a=1)}, c.folder / "none.pt")
    c.refuse("no_model", c.folder / "none.pt", "tensors of no known family", "epoch", "classifier (dict of 1)", "args (argparse Namespace)")
    c.pickled("scale_vector", {**sd, "logit_scale": sd["logit_scale"].reshape(1), "logit_bias": torch.tensor([-10.0])})
    for dtype in (torch.bfloat16, torch.float16):
        half = {key: value.to(dtype) if value.is_floating_point() else value for key, value in sd.items()}
        rough = c.open_clip_model()
        rough.load_state_dict({key: value.float() if value.is_floating_point() else value for key, value in half.items()})
        c.pickled(f"stored_{dtype}".replace("torch.", ""), half, images=c.open_clip_images(rough, PreprocessCfg(size=SIDE)),
                  texts=c.open_clip_texts(rough))
    objects = dict(
        numpy=[np.float64(0.5), np.float32(0.5), np.int64(3), np.bool_(True), np.float16(1), np.complex64(1j), np.str_("x"),
               np.datetime64("2026-01-01")],
        arrays=[np.arange(3.0), np.zeros((2, 0)), np.array(["a", "b"]), np.zeros(2, dtype=[("a", "i4")]), np.asfortranarray(np.ones((2, 3)))],
        namespace=argparse.Namespace(model="CLIP_VITB16", lr=1e-3, nested=argparse.Namespace(a=[1])),
        times=[datetime.datetime(2026, 1, 1), datetime.timedelta(1), datetime.date(2026, 1, 1)],
        containers=[collections.Counter("aab"), collections.defaultdict(list, a=[1]), Box(a=1), collections.deque([1, 2]), {1, 2}, frozenset([3])],
        torch=[torch.Size([1, 2]), torch.device("cpu"), torch.float16, torch.get_rng_state(), torch.nn.Parameter(torch.ones(2)),
               torch.zeros(2, dtype=torch.complex64), torch.nn.Linear(2, 2), torch.ones(2).to_sparse()],
        plain=[b"bytes", bytearray(b"x"), 10**400, -(10**30), complex(1, 2), range(3), slice(1, 2), Ellipsis, NotImplemented, None, True, 0.5],
        others=[decimal.Decimal("0.1"), pathlib.PurePosixPath("/a"), re.compile("a+"), Colour.RED, Settings(), random.getstate(), len, str.lower],
        arguments=transformers.GenerationConfig(max_new_tokens=3),
        configuration=CLIPConfig(),
    )
    for name, value in objects.items():
        c.pickled(f"next_to_{name}", {"epoch": 3, "state_dict": sd, "extra": value})
    c.pickled("next_to_everything", {"extra": objects, "model": {"inner": Box(sd)}})
    c.pickled("dict_of_another_class", Box(sd))
    c.pickled("namespace_holds_it", argparse.Namespace(model=sd, epoch=1))


def make(folder: Path) -> Cases:
    from hugging_face_cases import hugging_face
    cases = Cases(folder)
    open_clip_folders(cases), configs_of_the_wheel(cases), pickles(cases), hugging_face(cases)
    return cases
