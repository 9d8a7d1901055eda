"""How a future is drawn. Network, process, law of noise levels and sampler are separate things; the network is a plain function.

Read in this order: `process` (what noise does to a future, what the network is asked for), `flow` (the default), `edm`, `ddpm`;
`laws` (which levels are trained), `schedule` (which levels are gone through), `denoise` (the loop, and the error in training),
`guidance`; `regression` is the alternative that goes through no levels.

Everywhere a level s lies in [0, 1]: 0 is clean, 1 is noise. Random numbers are handed in.
"""
