"""The page about the fidelity verdict."""

from backdrop.imaging.fidelity import SIDE
from backdrop.model.fidelity import DEFAULT_MIN_SCORE, FIDELITY_VERSION, FROZEN_SIMILARITY
from bench.fidelity.limits import LIMITS
from bench.fidelity.scores import (
    MAX_CPU_MILLISECONDS,
    MAX_FALSE_ALARMS,
    MAX_MEGABYTES,
    MIN_AUC,
    MIN_FOUND_WORDS,
    ChangedLabels,
    FidelityFigures,
    RefusedMasks,
)
from bench.fidelity.words import BENDS, HEIGHTS


def format_page(figures: FidelityFigures, environment: str) -> str:
    rows = [
        ("AUC", f"{figures.auc:.4f}", f"at least {MIN_AUC}"),
        (
            "false alarms where 95% of the damage is detected",
            f"{figures.false_alarms_at_detection:.1%}",
            f"at most {MAX_FALSE_ALARMS:.0%}",
        ),
        (f"damage detected at {DEFAULT_MIN_SCORE}", f"{figures.detected:.1%}", ""),
        (
            f"false alarms at {DEFAULT_MIN_SCORE}",
            f"{figures.false_alarms:.1%}",
            f"at most {MAX_FALSE_ALARMS:.0%}",
        ),
        *[
            (
                f"words with three other letters that are found, letters of {height:.1%}",
                f"{figures.words.sum_bends(height).share:.0%}",
                f"at least {share:.0%}",
            )
            for height, share in MIN_FOUND_WORDS.items()
        ],
        (
            "false alarms for unchanged labels",
            f"{figures.words.unchanged.share:.1%}",
            f"at most {MAX_FALSE_ALARMS:.0%}",
        ),
        ("`cannot_say` for an undamaged or damaged product", f"{figures.cannot_say:.1%}", ""),
        ("`cannot_say` for a right cut-out", _format_refused(figures.right_cut_outs), "none"),
        ("cut-outs of another photo that are recognized", _format_refused(figures.wrong_cut_outs), "all"),
        ("`cannot_say` for a right mask without colors", _format_refused(figures.right_masks), ""),
        ("masks of another photo, without colors, that are recognized", _format_refused(figures.wrong_masks), "all"),
        ("CPU time, median", f"{figures.cpu_median:.0f} ms", ""),
        ("CPU time, 99% of the pictures", f"{figures.cpu_p99:.0f} ms", f"at most {MAX_CPU_MILLISECONDS} ms"),
        ("memory beyond the decoded pictures", f"{figures.megabytes:.0f} MB", f"at most {MAX_MEGABYTES} MB"),
    ]
    kinds = [
        f"| {one.kind} | {'yes' if one.is_damaged else 'no'} | {one.count} | "
        + " | ".join(f"{share:.0%}" for share in one.changed_shares)
        + " |"
        for one in figures.kinds
    ]
    return "\n".join(
        [
            "# How reliable the fidelity verdict is",
            "",
            f"Written by `python -m bench.fidelity` on {environment}. Version {FIDELITY_VERSION} of the method.",
            "",
            "The figures rest on synthetic damage: drawn products with materials from free pictures, and photos of"
            " coins, composed with new backgrounds and damaged by script. They say nothing about a provider's"
            " model. To measure pictures that you have bought, run `python -m bench.fidelity --pairs FOLDER`.",
            "",
            f"The corpus has {figures.photos} photos. The threshold of the score, a similarity of {FROZEN_SIMILARITY},"
            " and those of the checks of masks were frozen on half of them, where 2% of the unchanged products have a"
            f" score below {figures.frozen_score:.3f}. The figures are of the other half, with {figures.pairs} pairs."
            " The constants of the comparison were chosen on photos of both halves. Some of the cut-outs of another"
            " photo show the same product, moved by 3% or 6% of the picture.",
            "",
            "| | measured | target |",
            "|---|--:|--:|",
            *[f"| {name} | {value} | {target} |" for name, value, target in rows],
            "",
            f"## Pictures that count as changed at a minimum score of {DEFAULT_MIN_SCORE}",
            "",
            "| what was done | damage | pairs | weaker | stronger |",
            "|---|---|--:|--:|--:|",
            *kinds,
            "",
            "## One word with other letters",
            "",
            "Each product gets a label with lines of text, and three neighboring letters of one word are exchanged. The"
            " size of the letters is that of the font, as a share of the product's longer side; capital letters have"
            " about 0.7 of it. The limit was chosen on the first half of the photos. The held-out half has other fonts"
            " and other words. Below are the labels that count as changed. The last row has all words unchanged, under"
            " the stronger of the conditions above.",
            "",
            f"| letters | {' | '.join(BENDS)} | all | first half |",
            "|---|--:|--:|--:|--:|--:|",
            *[
                f"| {height:.1%} | "
                + " | ".join(_format_labels(figures.words.found[height][bend]) for bend in BENDS)
                + f" | {_format_labels(figures.words.sum_bends(height))}"
                f" | {_format_labels(figures.tuning_words.sum_bends(height))} |"
                for height in HEIGHTS
            ],
            f"| unchanged | | | | {_format_labels(figures.words.unchanged)}"
            f" | {_format_labels(figures.tuning_words.unchanged)} |",
            "",
            "## What the verdict may not see",
            "",
            "These changes are not part of the figures above. Only what is inside the product's outline in the photo is"
            f" compared, at {SIDE} pixels of its longer side. The amounts are shares of that side: a part that"
            " continues the product beyond its outline, and the height of letters.",
            "",
            "| what was done | amount | pairs | count as changed |",
            "|---|--:|--:|--:|",
            *[
                f"| {one.kind} | {amount:.1%} | {one.count // len(one.changed_shares)} | {share:.0%} |"
                for one in figures.limits
                for amount, share in zip(LIMITS[one.kind][1], one.changed_shares, strict=True)
            ],
            "",
        ]
    )


def _format_refused(masks: RefusedMasks) -> str:
    return f"{masks.refused} of {masks.tried}"


def _format_labels(labels: ChangedLabels) -> str:
    return f"{labels.changed} of {labels.tried}"
