"""The statistics alone, on any classifier: of scikit-learn, Keras and PyTorch. No diffraction anywhere.

Two members are of scikit-learn, one is of Keras, one of PyTorch. Pool them, calibrate the pool, certify a risk, and let
the ensemble say when nobody should answer: which handwritten digit is this? Some twenty seconds.
"""

# %% [markdown]
# TensorFlow, which Keras imports here, has something to say of the machine.

# %%
import keras

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from ensemble.abstention import Status, decide, fit_abstention
from ensemble.calibration import fit_calibration
from ensemble.metrics import expected_calibration_error, log_loss
from ensemble.pooling import combine

RISK = 0.02
keras.utils.set_random_seed(0)  # of PyTorch and NumPy too

# %%
x, y = load_digits(return_X_y=True)
x_train, x_rest, y_train, y_rest = train_test_split(
    np.float32(x / 16), y, train_size=400, random_state=0, stratify=y
)
# The pool is calibrated on one part, its promise tested on a second, and both are judged on a third.
parts = np.random.default_rng(0).choice(3, len(y_rest), p=[0.25, 0.5, 0.25])
calibration, certification, test = (parts == part for part in range(3))

# %% [markdown]
# Four members. Each gives an array (patterns, classes): logits, or log-probabilities, which are logits too, since the
# softmax of log p is p.

# %%
logits = {}
for member in (
    MLPClassifier((32,), max_iter=2000, random_state=0),
    ExtraTreesClassifier(300, random_state=0),
):
    probabilities = member.fit(x_train, y_train).predict_proba(x_rest)
    logits[type(member).__name__] = np.log(np.clip(probabilities, 1e-3, None))

# %%
network = keras.Sequential([keras.layers.Dense(32, activation="relu"), keras.layers.Dense(10)])
network.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
network.fit(x_train, y_train, epochs=60, batch_size=32, verbose=0)
logits["Keras"] = network.predict(x_rest, verbose=0)

# %%
layers = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
optimizer = torch.optim.Adam(layers.parameters(), lr=0.01, weight_decay=1e-4)
for _ in range(300):
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(layers(torch.tensor(x_train)), torch.tensor(y_train)).backward()
    optimizer.step()
logits["PyTorch"] = layers(torch.tensor(x_rest)).detach().numpy()

# %% [markdown]
# From here on it is arrays: (members, patterns, classes).

# %%
outputs = np.stack(list(logits.values()))
pooled = combine(outputs, "average")
fitted = fit_calibration(pooled.probabilities[calibration], y_rest[calibration], "temperature")
p = fitted.apply(pooled.probabilities)
for name, member in logits.items():
    print(f"{name:22} {np.mean(member[test].argmax(axis=1) == y_rest[test]):.1%} right")
for name, q in (("pooled", pooled.probabilities), ("calibrated", p)):
    ece = expected_calibration_error(q[test], y_rest[test])
    print(f"{name:22} log-loss {log_loss(q[test], y_rest[test]):.3f}, calibration error {ece:.3f}")

# %%
rule = fit_abstention(p[certification], y_rest[certification], risk=RISK)
print(rule.certificate.message)

decision = decide(combine(outputs[:, test], "average"), p[test], rule)
answered = decision.status == Status.SOLVED
wrong = decision.winner != y_rest[test]
print(
    f"answered {answered.mean():.0%}, of these {wrong[answered].mean():.1%} wrong; always: {wrong.mean():.1%}"
)
least_sure = int(np.argmin(decision.confidence))
print(f"least sure of all: {np.flatnonzero(decision.candidates[least_sure]).tolist()} could be right")

# %% [markdown]
# scikit-learn draws what is confused with what, if everything is answered and if what nobody should answer is not.

# %%
figure, axes = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
for ax, shown, title in zip(axes, (answered | True, answered), ("all", "answered"), strict=True):
    ConfusionMatrixDisplay.from_predictions(
        y_rest[test][shown], decision.winner[shown], ax=ax, colorbar=False
    )
    ax.set_title(f"{title}: {wrong[shown].sum()} of {shown.sum()} wrong")
plt.show()
