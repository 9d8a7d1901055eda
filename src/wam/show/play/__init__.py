"""Play: a person drives a world model with keys, in a browser, and sees truth beside imagination where there is truth.

keys.py     which key moves which slot of an action     session.py  one person's play, without any transport
wire.py     messages as text and bytes                  server.py   page and sessions on one port (extra "serve")
page.html, page.js: what is shown, without dependencies and without network resources
"""

from wam.show.play.keys import Lever as Lever
from wam.show.play.keys import levers as levers
from wam.show.play.messages import CommandError as CommandError
from wam.show.play.messages import Frame as Frame
from wam.show.play.messages import Look as Look
from wam.show.play.messages import Reset as Reset
from wam.show.play.messages import SetChance as SetChance
from wam.show.play.messages import Start as Start
from wam.show.play.messages import Step as Step
from wam.show.play.session import PlaySession as PlaySession
