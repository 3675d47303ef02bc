"""The map's page on a screen of 390 pixels, as a phone has it."""

import pytest

POINT = 15 * 50 + 27
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}


@pytest.fixture
def phone(browser, page):
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    browser.open(page)
    yield browser
    browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_on_a_phone_a_tap_opens_its_answer_at_the_bottom_of_the_screen(phone):
    phone.pin(POINT)
    box = "return document.getElementById('side').getBoundingClientRect().toJSON()"
    sheet = phone.driver.execute_script(box)
    assert sheet["bottom"] == pytest.approx(844, abs=2) and sheet["top"] > 300
    place = phone.driver.execute_script("return kikuchiReport.clientPosition(arguments[0])", POINT)
    assert 0 < place[1] < sheet["top"]
    phone.driver.find_element("id", "point-close").click()
    assert (
        phone.driver.execute_script("return getComputedStyle(document.getElementById('side')).position")
        == "static"
    )


def test_on_a_phone_nothing_is_cut_and_every_button_can_be_hit(phone):
    assert phone.driver.execute_script("return document.documentElement.scrollWidth") <= 390
    heights = """return [...document.querySelectorAll('button, select, input[type=number], input[type=range]')]
    .filter(e => e.offsetParent).map(e => [e.id || e.textContent, e.getBoundingClientRect().height])
    .filter(([, height]) => height < 40)"""
    assert phone.driver.execute_script(heights) == []
    wide = """return [...document.querySelectorAll('table')].filter(
    t => t.scrollWidth > t.parentElement.clientWidth
      && getComputedStyle(t.parentElement).overflowX !== 'auto').length"""
    assert phone.driver.execute_script(wide) == 0
