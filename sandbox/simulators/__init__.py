"""The platforms, as the product meets them on one machine: one module or package per platform, found by its name.

A simulator is the other side of the wire. It never imports `countersign`, checks what the product sends with libraries
that others wrote, and offers a class `Simulator`, for which `sandbox/simulating/` has the frame, knobs and postman:

    Simulator(clock, accounts, inbox, public_base_url, state_dir)
        clock.now()             sandbox time in seconds; may be shifted, scaled or frozen
        accounts                {account name: account document}
        inbox.add(kind, entry)  what the platform received, for people and tests to look at
    Simulator.prepare_account(document, api_base) -> document     completed so that it works against this simulator
    Simulator.throwaway_accounts() -> {name: document}            for a sandbox that was given none
    handle(method, path, query, headers, body) -> (status, headers, body)
                            a call of the product; path as sent, without the mount; query as sent, without "?"
    control(path, body) -> (status, answer)                       what a person or a test makes happen
    faults(wanted) -> faults now set                              the misbehaviour knobs
    start(), stop()                                               the background work: notices and their retries
    sees_all_accounts = True    for what is no platform, but used by accounts of any: it is given {platform: accounts}
                                and prepares every document
"""
