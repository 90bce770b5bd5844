"""Reads metrics as OpenMetrics from the URL it is given, and prints the families with their kinds, units and sizes."""

import json
import sys
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families

wanted = {"Accept": "application/openmetrics-text; version=1.0.0"}
with urllib.request.urlopen(urllib.request.Request(sys.argv[1], headers=wanted), timeout=10) as answer:
    text = answer.read().decode()
families = {
    family.name: {"kind": family.type, "unit": family.unit, "help": family.documentation, "samples": len(family.samples)}
    for family in text_string_to_metric_families(text)
}
print(json.dumps(families))
