"""No reader evaluates, unpickles, imports, opens or downloads what a text field of a file says."""

import pickle
from contextlib import suppress

import pytest

from ensemble.errors import InputError
from tests.fuzzing.planting import TOKEN, WORDS, ear, planted
from tests.fuzzing.readers import READERS

#: These name other files for their reader to open: that is what they are for.
NAMING = ("dataset", "spec", "recipe", "labels")
#: Hold no words, or too short ones to plant anything into.
WITHOUT = ("image", "exemplars", "sht")


def test_the_ear_hears_what_it_is_there_for(tmp_path):
    with ear() as heard:
        for evil in (
            lambda: eval(WORDS[0]),
            lambda: (tmp_path / TOKEN).read_text(),
            lambda: __import__(TOKEN),
            lambda: pickle.loads(WORDS[3].encode()),
        ):
            before = len(heard)
            with suppress(Exception):
                evil()
            assert len(heard) > before
    quiet = len(heard)
    with suppress(ImportError):
        __import__(TOKEN)
    assert len(heard) == quiet


def test_the_reader_of_cifs_that_evaluated_would_be_heard(tmp_path):
    """Seen: a symmetry operation of a CIF that ran a command (diffpy.structure, which reads none here any more)."""
    from diffpy.structure import loadStructure

    from tests.fuzzing.text_readers import CIFS

    place = tmp_path / "structure.cif"
    with ear() as heard:
        for cif in CIFS:
            for _, copy in planted("structure.cif", cif.encode(), WORDS[0]):
                place.write_bytes(copy)
                with suppress(Exception):
                    loadStructure(str(place), fmt="cif")
    assert heard


def plant(name, folder, most):
    """Read copies of every true file of a reader with words planted, and return how many; what is heard fails."""
    reader = READERS[name]
    tried = 0
    for file, content in dict.fromkeys(reader.seeds(folder)):
        place = folder / file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        reader.call(place, folder)  # what is imported and compiled once is so by now
        copies = [(word, *copy) for word in WORDS for copy in planted(file, content, word)]
        # An odd step, so that a sample meets every word.
        step = max(1, len(copies) // most) | 1
        for word, field, copy in copies[::step]:
            place.write_bytes(reader.mend(copy))
            with ear() as heard, suppress(Exception):
                reader.call(place, folder)
            doings = [h for h in heard if not (name in NAMING and h.startswith(("open", "os.", "glob.")))]
            assert not doings, (file, field, word)
            tried += 1
        place.write_bytes(content)
    return tried


@pytest.mark.parametrize("name", sorted(set(READERS) - {"weights"}))
def test_words_in_files_stay_words(name, tmp_path):
    assert plant(name, tmp_path, most=6) or name in WITHOUT


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(READERS))
def test_words_in_every_field_stay_words(name, tmp_path):
    assert plant(name, tmp_path, most=10_000) or name in WITHOUT


CTF = """Channel Text File
Prj\tmap
Author\tsomebody
JobMode\tGrid
XCells\t3
YCells\t2
XStep\t1.0
YStep\t1.0
AcqE1\t0
AcqE2\t0
AcqE3\t0
Euler angles refer to Sample Coordinate system (CS0)!\tMag\t0\tCoverage\t100\tDevice\t0\tKV\t20
Phases\t1
3.524;3.524;3.524\t90.000;90.000;90.000\tNi\t11\t225\t\t\tsomewhere
Phase\tX\tY\tBands\tError\tEuler1\tEuler2\tEuler3\tMAD\tBC\tBS
"""


def test_words_of_indexed_maps_stay_words(tmp_path):
    from kikuchi.simulate.scenes.real_map import load_microstructure

    points = "".join(f"1\t{i % 3}.0\t{i // 3}.0\t5\t0\t10\t20\t30\t0.5\t100\t100\n" for i in range(6))
    place = tmp_path / "map.ctf"
    place.write_text(CTF + points)
    assert load_microstructure(place, {"Ni": 0})[0].shape == (2, 3)
    for word in WORDS[:3]:
        for field, copy in planted("map.ctf", CTF.encode(), word):
            place.write_bytes(copy + points.encode())
            with ear() as heard, suppress(Exception):
                load_microstructure(place, {"Ni": 0})
            assert not heard, (field, word)


def test_an_image_that_names_other_files_for_its_pages_is_read_alone(tmp_path):
    """OME-TIFF keeps one stack in several files by name; any image of the machine can be so named."""
    import numpy as np
    import tifffile

    from kikuchi.scans import open_scan

    rng = np.random.default_rng(0)
    private = rng.integers(1, 255, (12, 16), dtype=np.uint8)
    tifffile.imwrite(tmp_path / f"{TOKEN}.ome.tif", private, ome=True)
    planes = "".join(
        f'<TiffData IFD="0" FirstZ="{z}" PlaneCount="1"><UUID FileName="{file}">urn:uuid:{z}</UUID></TiffData>'
        for z, file in enumerate(["scan.ome.tif", f"{TOKEN}.ome.tif"])
    )
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:0"><Image ID="Image:0">'
        '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="16" SizeY="12" SizeZ="2" SizeC="1" SizeT="1">'
        f'<Channel ID="Channel:0" SamplesPerPixel="1"/>{planes}</Pixels></Image></OME>'
    )
    tifffile.imwrite(tmp_path / "scan.ome.tif", np.zeros((12, 16), np.uint8), description=xml, metadata=None)
    with ear() as heard, suppress(InputError):
        assert not open_scan(tmp_path / "scan.ome.tif").read(slice(None)).any()
    assert not heard
