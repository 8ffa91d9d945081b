"""What simulators of platforms are made of; what a platform does and says is its own, in `sandbox/simulators/<name>/`.

faults      knobs by name: how often a misbehaviour fires, on which calls, at random or not
postman     delivers messages to the product by a retry table on the sandbox's clock
control     `_control` calls: what a person or a test makes happen
simulator   answers calls with the usual misbehaviour of HTTP, shows each in the inbox
"""
