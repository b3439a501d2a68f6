"""Folders of transformers' CLIPModel for checkpoint_cases.py: configurations, image processors, shards, vocabularies."""

import json
import shutil

import open_clip
import torch
from checkpoint_cases import CAPTIONS, OPENAI, SIDE, Cases, loud, unit
from open_clip.transform import PreprocessCfg, image_transform_v2
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel


def hugging_face_model(**changes) -> CLIPModel:
    torch.manual_seed(1)
    vision = dict(hidden_size=64, intermediate_size=256, num_hidden_layers=2, num_attention_heads=2, image_size=SIDE, patch_size=8)
    text = dict(hidden_size=64, intermediate_size=256, num_hidden_layers=2, num_attention_heads=2, vocab_size=49408)
    vision.update(changes.pop("vision", {})), text.update(changes.pop("text", {}))
    return loud(CLIPModel(CLIPConfig(vision_config=vision, text_config=text, projection_dim=48, **changes)))


PROCESSOR = dict(image_processor_type="CLIPImageProcessor", crop_size=dict(height=SIDE, width=SIDE), do_center_crop=True, do_normalize=True,
                 do_resize=True, do_rescale=True, rescale_factor=1 / 255, do_convert_rgb=True, image_mean=[0.5, 0.4, 0.3],
                 image_std=[0.5, 0.25, 0.125], resample=3, size=dict(shortest_edge=SIDE))


def hugging_face(c: Cases) -> None:
    base, tokens = hugging_face_model(), open_clip.get_tokenizer("ViT-B-32")(CAPTIONS)

    def features(model, processor):
        keys = {key: value for key, value in processor.items() if not key.endswith("_type")}
        pixels = CLIPImageProcessorPil(**keys)(c.opened, return_tensors="pt")["pixel_values"]
        with torch.no_grad():
            return (unit(model.visual_projection(model.vision_model(pixel_values=pixels).pooler_output)),
                    unit(model.text_projection(model.text_model(input_ids=tokens).pooler_output)))

    def write(name, model=base, processor=PROCESSOR, config=None, **save):
        folder = c.place(name)
        model.save_pretrained(folder, **save)
        if processor is not None:
            (folder / "preprocessor_config.json").write_text(json.dumps(processor))
        whole = json.loads((folder / "config.json").read_text())
        for key, value in (config or {}).items():
            part = whole if "." not in key else whole[key.split(".")[0]]
            part[key.split(".")[-1]] = value
        (folder / "config.json").write_text(json.dumps(whole))
        return folder

    def accept(name, model=base, processor=PROCESSOR, config=None, **save):
        folder = write(name, model, processor, config, **save)
        c.accept(name, folder, *features(model, processor))
        return folder

    accept("hf_plain")
    for name, change in dict(hf_gelu=dict(hidden_act="gelu"), hf_eps=dict(layer_norm_eps=1e-2), hf_old_end=dict(eos_token_id=2)).items():
        accept(name, hugging_face_model(vision={} if name == "hf_old_end" else change, text=change))
    accept("hf_eps_of_one_tower", hugging_face_model(text=dict(layer_norm_eps=0.05)))
    for name, change in dict(
            hf_resized_then_cropped=dict(size=dict(shortest_edge=37)), hf_odd_rest=dict(size=dict(shortest_edge=39)),
            hf_bilinear=dict(resample=2), hf_square=dict(size=dict(height=SIDE, width=SIDE)), hf_larger_square=dict(size=dict(height=41, width=41)),
            hf_square_uncropped=dict(size=dict(height=SIDE, width=SIDE), do_center_crop=False), hf_unnormalised=dict(do_normalize=False),
            hf_sizes_as_numbers=dict(size=40, crop_size=SIDE), hf_nulls=dict(do_pad=None, data_format=None)).items():
        accept(name, processor={**PROCESSOR, **change})
    accept("hf_type_of_old", processor={**PROCESSOR, "feature_extractor_type": "CLIPFeatureExtractor", "image_processor_type": None})
    nested = accept("hf_v5", processor={**PROCESSOR, "size": dict(shortest_edge=36)})
    processor = json.loads((nested / "preprocessor_config.json").read_text())
    (nested / "processor_config.json").write_text(json.dumps(dict(image_processor=processor, processor_class="CLIPProcessor")))
    (nested / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    legacy = accept("hf_v4_processor")
    (legacy / "processor_config.json").write_text(json.dumps(dict(processor_class="CLIPProcessor")))
    accept("hf_without_effect", config={"torch_dtype": "float16", "_name_or_path": "x/y", "text_config.attention_dropout": 0.1,
                                        "vision_config.dropout": 0.0, "text_config.pad_token_id": 3, "text_config.top_k": 50,
                                        "vision_config.torchscript": False, "text_config.pruned_heads": {}})
    old = accept("hf_towers_in_dicts", hugging_face_model(vision=dict(hidden_act="gelu"), text=dict(hidden_act="gelu")))
    whole = json.loads((old / "config.json").read_text())
    whole.update({f"{part}_config_dict": whole[f"{part}_config"] for part in ("text", "vision")},
                 text_config=dict(hidden_act="relu"), vision_config=dict(layer_norm_eps=0.5))
    (old / "config.json").write_text(json.dumps(whole))

    shards = accept("hf_shards", max_shard_size="8MB")
    assert len(list(shards.glob("model-*.safetensors"))) > 1
    c.accept("hf_index", shards / "model.safetensors.index.json", *features(base, PROCESSOR))
    c.accept("hf_one_shard", next(shards.glob("model-*.safetensors")), *features(base, PROCESSOR))
    bins = c.place("hf_bin_shards")
    names = sorted(base.state_dict())
    parts = {f"pytorch_model-0000{i + 1}-of-00002.bin": names[i::2] for i in range(2)}
    for file, keys in parts.items():
        torch.save({key: base.state_dict()[key] for key in keys}, bins / file)
    index = dict(metadata={}, weight_map={key: file for file, keys in parts.items() for key in keys})
    (bins / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    for file in ("config.json", "preprocessor_config.json"):
        shutil.copy(c.folder / "hf_plain" / file, bins)
    c.accept("hf_bin_shards", bins, *features(base, PROCESSOR))
    for name, change in dict(outside={names[0]: "../hf_plain/model.safetensors"}, missing={names[0]: "other.bin"},
                             moved={names[0]: parts and "pytorch_model-00002-of-00002.bin"}).items():
        broken = c.place(f"hf_index_{name}")
        for file in bins.iterdir():
            shutil.copy(file, broken)
        (broken / "pytorch_model.bin.index.json").write_text(json.dumps(dict(weight_map={**index["weight_map"], **change})))
        c.refuse(f"hf_index_{name}", broken, dict(outside="same folder", missing="other.bin", moved=names[0])[name])

    more = hugging_face_model()
    more.text_model.resize_token_embeddings(49410, mean_resizing=False)
    more.config.text_config.vocab_size = 49410
    accept("hf_added_words", more)
    words = {"!": 0, "!</w>": 256, "<|startoftext|>": 49406, "<|endoftext|>": 49407, "new": 49408}
    for name, change in dict(hf_added_words_listed={}, hf_other_words={"<|endoftext|>": 2}).items():
        folder = c.place(name)
        shutil.copytree(c.folder / "hf_added_words", folder, dirs_exist_ok=True)
        (folder / "tokenizer.json").write_text(json.dumps(dict(model=dict(vocab={**words, **change}))))
        if change:
            c.refuse(name, folder, "a vocabulary of 49410", "other words")
        else:
            c.accept(name, folder, *features(more, PROCESSOR))

    unstated = write("hf_no_processor", processor=None)
    c.refuse("hf_no_processor", unstated, "pixel statistics")
    like = dict(PROCESSOR, image_mean=list(open_clip.OPENAI_DATASET_MEAN), image_std=list(open_clip.OPENAI_DATASET_STD))
    like_heads = hugging_face_model(vision=dict(num_attention_heads=1), text=dict(num_attention_heads=1))
    filled = write("hf_filled", like_heads, processor=None)
    transform = image_transform_v2(PreprocessCfg(size=SIDE), is_train=False)
    with torch.no_grad():
        pixels = torch.stack([transform(picture) for picture in c.opened])
        images = unit(like_heads.visual_projection(like_heads.vision_model(pixel_values=pixels).pooler_output))
    c.accept("hf_filled_by_like", filled, images, features(like_heads, like)[1], *OPENAI)
    c.refuse("hf_like_contradicts", filled, "--model.like open_clip contradicts config.json", "activation (quick_gelu, here gelu)",
             flags=["--model.like", "open_clip"])
    for key, value in dict(do_resize=False, do_rescale=False, rescale_factor=1 / 127.5, size=dict(longest_edge=SIDE), do_center_crop=False,
                           crop_size=16, resample=0, image_processor_type="ViTImageProcessor", do_pad=True, do_convert_rgb=False,
                           crop_pct=0.9, use_square_size=True, image_mean="x", do_normalize=None).items():
        word = "longest_edge" if key == "size" else key
        c.refuse(f"processor_{key}", write(f"processor_{key}", processor={**PROCESSOR, key: value}), "preprocessor_config.json", word)
    c.refuse("processor_small", write("processor_small", processor={**PROCESSOR, "size": dict(shortest_edge=20)}), "size", "crop")
    for key, value in {"model_type": "siglip", "text_config.hidden_act": "gelu_pytorch_tanh", "vision_config.hidden_act": "gelu",
                       "text_config.eos_token_id": 7, "projection_dim": 64, "vision_config.num_hidden_layers": 3, "text_config.rope_theta": 1e4,
                       "quantization_config": {"bits": 4}, "vision_config.image_size": 64, "text_config.max_position_embeddings": 64,
                       "vision_config.num_channels": 1, "auto_map": {"AutoModel": "x.Y"}}.items():
        name = f"config_{key}"
        c.refuse(name, write(name, config={key: value}), "config.json", key.split(".")[-1])
