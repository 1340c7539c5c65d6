"""How build, memory and a query's time at recall .95 grow with the number of points, as fitted exponents and a plot.

    scale.py --bench .build/release/Bench --data FOLDER --work FOLDER [--rows 62500,125000,250000,500000,1000000]

FOLDER holds base.npy with as many rows as the largest size (make_clusters.py --rows 1000000). Each size takes the first
rows and their own exact truth; one thread, `Bench index`, which counts the graph alone: no file, no payload.
"""

import argparse
import json
import pathlib
import subprocess

import numpy as np


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--bench", "--data", "--work"):
        arguments.add_argument(name, type=pathlib.Path, required=True)
    arguments.add_argument("--rows", default="62500,125000,250000,500000,1000000")
    arguments.add_argument("--breadths", default="10,16,24,32,48,64,96,128,192")
    options = arguments.parse_args()
    sizes = [int(rows) for rows in options.rows.split(",")]
    found = []
    for rows in sizes:
        command = [
            str(options.bench), "index", "--data", str(options.data), "--rows", str(rows), "--rounds", "2", "--json",
            "--breadths", options.breadths, "--cpu-time",
        ]
        report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        rates = report["queriesPerSecondAtRecall"]
        # Links, codes and sketches, and the floats.
        bytes_in_all = report["graphBytes"] + rows * report["dimension"] * 4
        found.append(
            {"rows": rows, "build_s": report["buildSeconds"], "mb": bytes_in_all / 2**20,
             "us": {at: 1e6 / rate for at, rate in rates.items()}}
        )
        print(json.dumps(found[-1]), flush=True)
    lines = ["| points | build s | MB | µs at .95 | µs at .99 |", "|---|---|---|---|---|"]
    for point in found:
        times = [f"{point['us'][at]:.1f}" if at in point["us"] else "–" for at in ("0.95", "0.99")]
        lines.append(f"| {point['rows']:,} | {point['build_s']:.1f} | {point['mb']:.0f} | {' | '.join(times)} |")

    def exponent(values: list[float | None]) -> float:
        pairs = [(rows, value) for rows, value in zip(sizes, values) if value]
        return float(np.polyfit(np.log([rows for rows, _ in pairs]), np.log([value for _, value in pairs]), 1)[0])

    series = {
        "build": [point["build_s"] for point in found], "memory": [point["mb"] for point in found],
        "query at .95": [point["us"].get("0.95") for point in found],
        "query at .99": [point["us"].get("0.99") for point in found],
    }
    series = {name: values for name, values in series.items() if sum(value is not None for value in values) > 1}
    lines.append("\nGrows with n to the power of: " + ", ".join(f"{n} {exponent(v):.2f}" for n, v in series.items()))
    options.work.mkdir(parents=True, exist_ok=True)
    (options.work / "scale.json").write_text(json.dumps(found, indent=1))
    (options.work / "scale.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))

    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    for name, values in series.items():
        pyplot.loglog(sizes, [value / values[0] if value and values[0] else None for value in values], "o-", label=name)
    pyplot.xlabel("points")
    pyplot.ylabel(f"cost, {sizes[0]:,} points = 1")
    pyplot.grid(True, which="both", alpha=0.3)
    pyplot.legend()
    pyplot.savefig(options.work / "scale.png", dpi=120)


if __name__ == "__main__":
    main()
