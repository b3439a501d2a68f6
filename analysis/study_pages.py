"""What the report shows of each study: title, question, figures and the code of its tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import figures
from arranged_tables import ARRANGED
from ensembles import prompt_tables, sizes_figure
from example_figure import examples
from few_shot import examples_figure, few_shot, shots_figure
from generic_tables import retrieval
from objectives_figure import objectives_figure
from people_and_overlap import gendered_labels, hard_classes, overlap
from robustness_figure import distribution_shift
from study_tables import STUDY_TABLES


@dataclass(frozen=True)
class Study:
    key: str
    title: str
    question: str
    pictures: tuple[tuple[str, str, Callable[..., object]], ...]  # name, what it shows, maker


STUDIES = (
    Study("zero_shot_vs_probe", "Zero-shot against linear probe (Figs 5 and 8, Tables 10 and 11)",
          "How does a classifier written in words compare with one fitted on labelled features?",
          (("fig5_zero_shot_minus_probe",
            "Zero-shot top-1 of the model with the highest mean zero-shot score, minus the top-1 of a fully supervised "
            "linear probe, by data set.", figures.zero_shot_bars),
           ("fig8_zero_shot_over_probe", "Zero-shot top-1 over linear-probe top-1, a point a data set and model; dotted: "
            "equal; line: the study's least-squares fit.", figures.zero_shot_scatter),
           ("fig21_examples", "Figure 21: a picture at random of each data set and what the model with the highest mean zero-shot score takes it for: "
            "the five likeliest classes by their first prompt, the right one green; above, the right class, its rank and its probability.", examples))),
    Study("prompt_engineering", "Prompt engineering and ensembling (Fig 4)",
          "What do a template around the class name and an ensemble of templates add to the bare name?",
          (("fig4_prompts", "Top-1 averaged over the data sets with three kinds of prompt.", figures.prompt_engineering),
           ("templates_by_number", "What ensembles of templates drawn at random gain over one of them, by their number, for the model with the highest mean; "
            "bars: the interval of the mean over draws.", sizes_figure))),
    Study("few_shot", "Few-shot probes (Figs 6 and 7)",
          "How many labelled examples a class does a probe need to match zero-shot?",
          (("fig6_few_shot", "Top-1 averaged over the data sets by labelled examples a class; the star and the dotted line: zero-shot.",
            shots_figure),
           ("fig7_examples", "Labelled examples a class at which the probe's accuracy equals zero-shot's, by data set.", examples_figure))),
    Study("encoder_scaling", "Scaling of the image encoder (Fig 9)",
          "Does zero-shot error fall as a power of compute?",
          (("fig9_scaling", "Zero-shot error averaged over the data sets against multiply-adds of one image's forward "
            "pass, both axes logarithmic; lines: least squares in log10 by family.", figures.encoder_scaling),)),
    Study("distribution_shift", "Distribution shift (Figs 13 to 15, Table 16)",
          "Does a zero-shot classifier lose less than a fitted one when the pictures change?",
          (("fig14_robustness", "Top-1 on the shifted data over top-1 at the source, axes in logit; dotted: no loss; "
            "line: logit fit through the baseline points.", distribution_shift),)),
    Study("objective_efficiency", "Efficiency of objectives (Fig 2)",
          "How many pictures does each objective need for the same zero-shot accuracy?",
          (("fig2_objectives", "Zero-shot top-1 by pictures processed in training; the axis of pictures is logarithmic.", objectives_figure),)),
    Study("human_comparison", "People and CLIP (Fig 16, Table 2)",
          "Are the classes that are hard for people hard for CLIP, and what does one picture a class add?",
          (("fig16_hard_classes", "Share of right answers by class, classes in the order of their difficulty. The paper prints no numbers of its Figure 16, "
            "whose order is that of people's zero-shot answers; ours is the model's where no answers of people are given.", hard_classes),)),
    Study("data_overlap", "Data overlap (Fig 17)", "How many test pictures were in the training data, and what do they add to the score?",
          (("fig17_overlap", "Left: accuracy on test pictures that were seen in training minus on the others. Right: "
            "what they add to the accuracy on all. Markers: Fisher's exact test, one-sided, of pictures seen against the others, one data set at a time.", overlap),)),
    Study("retrieval", "Retrieval (Table 13)", "Does a caption find its picture, and a picture its caption?", ()),
)
TABLES_OF = STUDY_TABLES | ARRANGED | {"few_shot": few_shot, "prompt_engineering": prompt_tables, "retrieval": retrieval}
TITLES = {"action": "Actions (Table 15)", "bias": "Bias (Tables 3 to 8, Fig 18)", "geolocalization": "Places (Table 17)", "ocr": "Reading (Table 14)",
          "representation": "Representation (Figs 10 and 11, Table 10)", "task_shift": "Task shift (Fig 12)",
          "visual_ngrams": "Visual N-Grams (Table 1)", "yfcc_vs_wit": "YFCC against WIT (Table 12)"}  # of studies that stand in a report when they ran
PICTURES_OF = {"bias": (("fig18_labels", "Figure 18: labels that one gender gets more often than the other, the most unequal by Pearson's chi-squared test, in the "
                         "order of their rate. The paper's labels are not published, nor are its rates.", gendered_labels),)}  # of those
