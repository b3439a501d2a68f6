"""Adds up the JUnit files of a test run, names what failed or was skipped, prints "N passed, N failed, N skipped".

A file that is missing (its runner crashed before it wrote one) counts as a failure.
"""

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def main() -> int:
    folder, names = Path(sys.argv[1]), sys.argv[2:]
    passed = failed = skipped = 0
    for name in names:
        try:
            cases = list(ElementTree.parse(folder / f"{name}.xml").getroot().iter("testcase"))
        except (OSError, ElementTree.ParseError) as error:
            print(f"FAILED {name}: its runner ended without a report ({error})")
            failed += 1
            continue
        for case in cases:
            title = f"{name}: {case.get('classname')}.{case.get('name')}"
            if case.find("failure") is not None or case.find("error") is not None:
                failed += 1
                print(f"FAILED {title}")
            elif case.find("skipped") is not None or case.get("result") == "skipped":
                skipped += 1
                reason = case.find("skipped")
                print(f"skipped {title}: {(reason.get('message') or '') if reason is not None else ''}".strip())
            else:
                passed += 1
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
