"""Looking: pictures, animations, plots, one-page reports, tables for the terminal. Needs the extra "show".

Report(title="...", summary="...", sections=(*success_sections(rows), *card_sections(card), origin_section(origin))).save(path)
"""

from wam.show.pictures import Picture as Picture
from wam.show.pictures import contact_sheet as contact_sheet
from wam.show.pictures import prediction_strip as prediction_strip
from wam.show.pictures import still as still
from wam.show.pictures import strip as strip
from wam.show.plots import horizon_plot as horizon_plot
from wam.show.plots import success_plot as success_plot
from wam.show.plots import training_plot as training_plot
from wam.show.report import Captioned as Captioned
from wam.show.report import Facts as Facts
from wam.show.report import Figures as Figures
from wam.show.report import Report as Report
from wam.show.report import Section as Section
from wam.show.report import Table as Table
from wam.show.report import Text as Text
from wam.show.sections import card_sections as card_sections
from wam.show.sections import episodes_section as episodes_section
from wam.show.sections import origin_section as origin_section
from wam.show.sections import strips_section as strips_section
from wam.show.sections import success_sections as success_sections
from wam.show.sections import training_section as training_section
from wam.show.tables import card_tables as card_tables
from wam.show.tables import success_table as success_table
from wam.show.training import read_training_log as read_training_log
from wam.show.video import animate as animate
