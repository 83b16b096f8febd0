"""Speed, measured and never tested: `make bench`, or `make bench ARGS="ticks modbus"`.

Load generators and reference servers are programs of others: `METERGATE_BENCH` names the directory with their
sources (default: `../shared/bench`). What is not there is left out, and said so.
"""
