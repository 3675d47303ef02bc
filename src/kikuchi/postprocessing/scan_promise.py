"""What is still promised for a scan once it was compared with what was certified; the decisions stay what they are.

A promise for the held-out mixture is true for a scan that is mixed so, and hardly any is. Who asks for it by name
(`--promise mixture`) gets it, with a word where the scan is mixed otherwise. Where it is only what was left of a
promise that could not be kept for every material, what is promised holds at whatever mixture the scan may have, or
nothing is.
"""

from dataclasses import replace

import numpy as np

from ensemble.abstention import AbstentionRule, Certificate, Decision, Status
from ensemble.abstention.promises import excess_risk
from ensemble.abstention.risk_control import as_percent
from ensemble.abstention.scan_mixtures import MixtureBound, mixture_bound, risk_at_scan
from ensemble.abstention.stratified import ClassVerdict
from ensemble.label_shift import LabelShift
from kikuchi.bundle.bundle import Bundle
from kikuchi.bundle.decision import fit_decision
from kikuchi.bundle.outputs import one_of_each_group
from kikuchi.postprocessing.scan_check import ScanCheck, whole_scans

#: Said of a promise that whole crystals or scans certified, each of them one draw.
OF_CRYSTALS = "that is the mean over crystals like those held out: of a certain one more answers may be wrong"

#: Classes named in a message, and the share that is worth a word.
_MOST_NAMED = 3
_LITTLE = 0.01


def class_promise(bundle: Bundle, rule: str, check: ScanCheck) -> AbstentionRule:
    """Fit the promise for the answers with each class at a scan's own mixture; nothing is answered if that is unknown.

    Parameters
    ----------
    bundle
        Its recipe says the risk, the confidence and the promise ``"class"``.
    rule
        How the members are combined.
    check
        Of the scan.
    """
    k, shift = len(bundle.classes), check.shift
    known = shift is not None and shift.bounded
    shares = (shift.low, shift.high) if shift is not None and known else (np.zeros(k), np.ones(k))
    found = fit_decision(bundle.held_out, rule, bundle.recipe, names=bundle.class_names, shares=shares)[1]
    if known:
        return found
    message = f"nothing is answered: the scan's mixture cannot be estimated, because {_unknown(shift)}"
    return replace(found, certificate=replace(found.certificate, message=message))


def held_promise(
    bundle: Bundle, rule: str, abstention: AbstentionRule, check: ScanCheck, decision: Decision
) -> AbstentionRule:
    """Take a promise back, or weaken it, where the scan speaks against it; the decisions stay what they are.

    Parameters
    ----------
    bundle, rule, abstention
        As the scan was decided with. Its recipe says whether the promise for the held-out mixture was asked for.
    check
        Of the scan.
    decision
        For how much was answered.

    Returns
    -------
    The rule with a certificate that says what is still promised.
    """
    held = _held(bundle, rule, abstention, check, decision)
    if held.certified_risk < 1 and whole_scans(bundle.held_out):
        held = replace(held, message=f"{held.message}; {OF_CRYSTALS}")
    return replace(abstention, certificate=held)


def _held(
    bundle: Bundle, rule: str, abstention: AbstentionRule, check: ScanCheck, decision: Decision
) -> Certificate:
    certificate = abstention.certificate
    if against := check.message():
        return _taken_back(certificate, against)
    if abstention.promise == "mixture" and certificate.certified_risk < 1:
        by_name = bundle.recipe.abstain.promise == "mixture"
        return (_as_asked if by_name else _at_scan)(bundle, rule, abstention, check)
    if abstention.promise == "material" and certificate.certified:
        return _of_materials(bundle, abstention, check, decision)
    return certificate


def expected_risk(
    bundle: Bundle, rule: str, abstention: AbstentionRule, shift: LabelShift | None
) -> float | None:
    """Error rate of the answers at a scan's mixture, as the held-out patterns that test have it; None if unknown.

    Every held-out group counts once. Test patterns are taken: neither thresholds nor calibration have seen them.
    """
    if shift is None or not shift.identified:
        return None
    test = bundle.held_out.test
    if not len(test.labels):
        return None
    d = bundle.decide(test.outputs, rule=rule, abstention=abstention)
    k = len(bundle.classes)
    group = np.unique(test.group, return_inverse=True)[1]
    size = 1.0 / np.bincount(group)[group]
    prior = np.bincount(test.labels, size, k)
    weight = np.divide(shift.shares, prior, out=np.zeros(k), where=prior > 0)
    each = size * weight[test.labels]
    solved = d.status == Status.SOLVED
    answered = float((each * solved).sum())
    return float((each * (solved & (d.winner != test.labels))).sum()) / answered if answered > 0 else None


def scan_bound(bundle: Bundle, rule: str, abstention: AbstentionRule, check: ScanCheck) -> MixtureBound:
    """Bound the risk of the answers at whatever mixture a scan may have.

    By test patterns of groups that neither set nor tested a threshold, one of each, readable and familiar as the points
    are that the mixture is estimated from.
    """
    held_out = bundle.held_out
    test = held_out.test.select(~np.isin(held_out.test.group, held_out.certification.group))
    units = one_of_each_group(test, np.random.default_rng(0))
    d = bundle.decide(units.outputs, rule=rule, abstention=abstention)
    judged = np.isin(d.status, (Status.SOLVED, Status.AMBIGUOUS))
    solved, right = (d.status == Status.SOLVED)[judged], (d.winner == units.labels)[judged]
    k, shift = len(bundle.classes), check.shift
    known = shift is not None and shift.bounded
    low, high = (shift.low, shift.high) if shift is not None and known else (np.zeros(k), np.ones(k))
    confidence = abstention.certificate.confidence
    return mixture_bound(units.labels[judged], solved, solved & ~right, low, high, confidence)


def mixed_otherwise(bundle: Bundle, shift: LabelShift | None) -> str:
    """Say which classes a scan has surely more or less of than the held-out patterns; empty where none."""
    if shift is None or not shift.bounded:
        return ""
    low, high, prior = np.array(shift.low), np.array(shift.high), np.array(shift.prior)
    other = (low > prior) | (high < prior)
    # What there may be most of is named; of what is not there only where nothing else is to be said.
    order = [int(k) for k in np.argsort(-high, kind="stable") if other[k]]
    named = [k for k in order if high[k] >= _LITTLE][:_MOST_NAMED] or order[:1]
    each = [
        f"{100 * low[k]:.0f} to {100 * high[k]:.0f} % of {bundle.class_names[k]} (held out: {100 * prior[k]:.0f} %)"
        for k in named
    ]
    return f"the scan holds {', '.join(each)}" if each else ""


def _as_asked(bundle: Bundle, rule: str, abstention: AbstentionRule, check: ScanCheck) -> Certificate:
    """Keep the promise for the held-out mixture that was asked for, and say of which scan it is true."""
    certificate = abstention.certificate
    expected = expected_risk(bundle, rule, abstention, check.shift)
    if expected is not None and expected > certificate.certified_risk:
        message = (
            "the scan is mixed otherwise than the held-out patterns, and at its mixture about "
            f"{100 * expected:.1f} % of the answers would be wrong: no promise (--promise material makes one that "
            "holds for any mixture)"
        )
        return _taken_back(certificate, message)
    why = mixed_otherwise(bundle, check.shift)
    if check.shift is None or not check.shift.bounded:
        why = f"how this one is mixed cannot be told ({_unknown(check.shift)})"
    if not why:
        return certificate
    return replace(
        certificate,
        message=f"{certificate.message}; true of a scan that is mixed as the held-out patterns only: {why}",
    )


def _at_scan(bundle: Bundle, rule: str, abstention: AbstentionRule, check: ScanCheck) -> Certificate:
    """Promise what holds at any mixture that the scan may have."""
    certificate, found = abstention.certificate, scan_bound(bundle, rule, abstention, check)
    risk = risk_at_scan(certificate.certified_risk, found.bound)
    if risk == certificate.certified_risk:
        return certificate
    where, why = "at the mixtures that the scan may have", mixed_otherwise(bundle, check.shift)
    if check.shift is None or not check.shift.bounded:
        where, why = "whatever the mixture", f"how the scan is mixed cannot be told ({_unknown(check.shift)})"
    reason = f"{why}; " if why else ""
    only = f"{as_percent(certificate.certified_risk)} only of a scan that is mixed as the held-out patterns"
    counted = f"{found.n_errors} wrong of {found.n_answered} answered held-out patterns where it is worst: "
    counted += ", ".join(
        f"{100 * share:.0f} % {bundle.class_names[k]}"
        for k, share in sorted(enumerate(found.mixture), key=lambda pair: -pair[1])[:_MOST_NAMED]
        if share >= _LITTLE
    )
    if risk >= 1:
        most = f"up to {as_percent(found.bound)} of the answers may be wrong {where} ({counted})"
        if found.bound >= 1:
            most = f"nothing bounds the wrong answers {where}, for want of answered held-out patterns"
        return _taken_back(certificate, f"no promise: {reason}{most}; at most {only}")
    message = (
        f"at most {as_percent(risk)} of the answers are wrong {where}, with {100 * certificate.confidence:g} % "
        f"confidence ({counted}); {reason}at most {only}"
    )
    weaker = replace(
        certificate,
        certified=risk <= certificate.target_risk,
        certified_risk=risk,
        bound=found.bound,
        n_answered=found.n_answered,
        n_errors=found.n_errors,
        message=message,
    )
    return bundle.promised(replace(abstention, certificate=weaker)).certificate


def _of_materials(
    bundle: Bundle, abstention: AbstentionRule, check: ScanCheck, decision: Decision
) -> Certificate:
    """Add to the risk what classes that are not kept can add in this scan."""
    certificate, shift = abstention.certificate, check.shift
    verdicts = [v for v in abstention.verdicts if isinstance(v, ClassVerdict)]
    apart = [v for v in verdicts if v.verdict != "kept"]
    if not apart:
        return certificate
    high = shift.high if shift is not None and shift.bounded else np.ones(len(verdicts))
    excess = excess_risk(verdicts, high, float((decision.status == Status.SOLVED).mean()))
    risk = certificate.certified_risk + excess
    named = ", ".join(bundle.class_names[v.index] for v in apart)
    if risk > 2 * certificate.target_risk:
        message = f"no promise: the scan may hold too much of what is not certified ({named}); {certificate.message}"
        return _taken_back(certificate, message)
    message = (
        f"{certificate.message}; with as much of {named} as the scan may hold, at most {as_percent(risk)} of the "
        "answers are wrong"
    )
    return replace(certificate, certified_risk=risk, message=message)


def _taken_back(certificate: Certificate, message: str) -> Certificate:
    return replace(certificate, certified=False, certified_risk=1.0, message=message)


def _unknown(shift: LabelShift | None) -> str:
    return "the scan has no readable, familiar point" if shift is None else shift.why
