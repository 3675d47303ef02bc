"""TensorFlow Probability, imported where a posterior is sampled or fitted with it and nowhere else."""

from typing import Any

from ensemble.errors import InputError


def probability() -> tuple[Any, Any]:
    """Import TensorFlow Probability and the Keras that it runs on.

    Returns
    -------
    tuple
        The modules ``tensorflow_probability`` and ``tf_keras``.

    Raises
    ------
    InputError
        One of them is not there, or does not go with the TensorFlow that is: `tf_keras` follows its minor version.
    """
    try:
        import tensorflow_probability
        import tf_keras
    except ImportError as error:
        raise InputError(
            f"TensorFlow Probability cannot be imported: {error}",
            remedy='pip install tensorflow-probability tf_keras, or choose head = "laplace" or "swag"',
        ) from error
    return tensorflow_probability, tf_keras
