"""Numbers as people read them. Nothing is computed here but digits."""

from __future__ import annotations

from benchmarks.evaluation import Duel, SystemEvaluation
from benchmarks.statistics import Comparison, Interval, Significance

ABSENT = "–"


def percent(rate: float | None, digits: int = 2) -> str:
    return ABSENT if rate is None else f"{100 * rate:.{digits}f} %"


def interval(evaluation: SystemEvaluation) -> str:
    """The ends of the 95 % interval of the rate."""
    found = evaluation.interval
    return ABSENT if found is None else f"{100 * found.low:.2f} … {100 * found.high:.2f}"


def times_real_time(evaluation: SystemEvaluation) -> str:
    """Seconds of sound in a second of work: 20 x is twenty times faster than speech."""
    factor = evaluation.real_time_factor
    return ABSENT if not factor else f"{1 / factor:.1f} ×"


def real_time_factor(evaluation: SystemEvaluation) -> str:
    factor = evaluation.real_time_factor
    return ABSENT if not factor else f"{factor:.3f}"


def size(count: int) -> str:
    return ABSENT if not count else f"{count / 2**20:,.0f} MiB"


def clock(seconds: float | None) -> str:
    """h:mm:ss.t, without hours where there are none."""
    if seconds is None:
        return ABSENT
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    head = f"{hours}:{minutes:02d}" if hours else str(minutes)
    return f"{head}:{rest:04.1f}"


def probability(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def significance(found: Significance | None) -> str:
    return ABSENT if found is None else f"p {probability(found.p)} ({found.count})"


def difference(comparison: Comparison | None) -> str:
    """Second minus first in points, with its interval."""
    if comparison is None:
        return ABSENT
    found = comparison.difference
    return f"{100 * found.value:+.2f} ({100 * found.low:+.2f} … {100 * found.high:+.2f})"


def errors_more(cost: Interval | None) -> str:
    """Errors more for one seam, with their interval."""
    return ABSENT if cost is None else f"{cost.value:+.3f} ({cost.low:+.3f} … {cost.high:+.3f})"


def improvement(duel: Duel) -> str:
    return (
        ABSENT if duel.comparison is None else f"{duel.comparison.probability_of_improvement:.3f}"
    )


ACCURACY_COLUMNS = (
    "System",
    "WER",
    "95 % interval",
    "Words",
    "Sub",
    "Del",
    "Ins",
    "CER",
    "WIL",
)
COST_COLUMNS = ("System", "Real-time factor", "Speed", "Memory", "Device memory", "Failed")
SYMPTOM_COLUMNS = (
    "System",
    "Repeated 5-grams",
    "5-gram duplicates (said)",
    "Longest insertion",
    "Longest deletion",
    "Lost runs",
    "Words/min without speech",
)
DUEL_COLUMNS = (
    "Comparison",
    "Difference in points (95 %)",
    "P(better)",
    "MAPSSWE (segments)",
    "McNemar (words)",
)


def accuracy_row(evaluation: SystemEvaluation) -> tuple[str, ...]:
    counts = evaluation.counts
    return (
        evaluation.system.name,
        percent(counts.error_rate),
        interval(evaluation),
        f"{counts.reference_length:,}",
        f"{counts.substitutions:,}",
        f"{counts.deletions:,}",
        f"{counts.insertions:,}",
        percent(evaluation.characters.error_rate),
        percent(counts.information_lost),
    )


def cost_row(evaluation: SystemEvaluation) -> tuple[str, ...]:
    return (
        evaluation.system.name,
        real_time_factor(evaluation),
        times_real_time(evaluation),
        size(evaluation.memory_bytes),
        size(evaluation.device_memory_bytes),
        str(evaluation.failed),
    )


def symptom_row(evaluation: SystemEvaluation) -> tuple[str, ...]:
    found = evaluation.symptoms
    per_minute = evaluation.no_speech.words_per_minute
    return (
        evaluation.system.name,
        f"{found.repeated_ngrams:,}",
        f"{found.duplicates:,} ({found.reference_duplicates:,})",
        str(found.longest_insertion),
        str(found.longest_deletion),
        str(found.lost_runs),
        ABSENT if per_minute is None else f"{per_minute:.2f}",
    )


def duel_row(duel: Duel) -> tuple[str, ...]:
    return (
        f"{duel.second} − {duel.first}",
        difference(duel.comparison),
        improvement(duel),
        significance(duel.mapsswe),
        significance(duel.mcnemar),
    )
