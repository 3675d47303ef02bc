"""Headless Chromium for the scripts of this folder."""

import shutil
import time
from pathlib import Path

from selenium import webdriver


def open_browser(profile: Path, width: int = 1400, height: int = 1100) -> webdriver.Chrome:
    """Start a browser with a fresh profile and a window of a size in pixels."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
        "--disable-sync", f"--window-size={width},{height}", f"--user-data-dir={profile}",
    ):  # fmt: skip
        options.add_argument(argument)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    browser.set_script_timeout(60)
    return browser


def open_report(browser: webdriver.Chrome, page: Path) -> float:
    """Open a map report, wait until it can be used, and return the seconds that took."""
    begin = time.perf_counter()
    browser.get(page.resolve().as_uri())
    while not browser.execute_script("return document.documentElement.dataset.ready"):
        time.sleep(0.01)
    return time.perf_counter() - begin
