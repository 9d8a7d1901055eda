"""Looking: pictures, animations, plots, one-page reports, tables for the terminal.

report.py    the page                      sections.py  typed results -> its sections
tables.py    typed results -> a terminal   bars.py      progress
pictures.py  strips and contact sheets     video.py     animations     plots.py  curves and bars (extra "show")

from wam.show.report import Report
Report(title="...", summary="...", sections=(*success_sections(rows), *card_sections(card), origin_section(origin))).save(path)
"""
