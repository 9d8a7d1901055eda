"""One short file per published system: what it is, which parts it takes, how it is trained and judged.

A recipe is found by its module name: `load_recipe("lewm")`. No room imports a recipe but `jobs` and `cli`, and no recipe another one.
"""

from wam.recipes.recipe import Card as Card
from wam.recipes.recipe import Mechanism as Mechanism
from wam.recipes.recipe import Preset as Preset
from wam.recipes.recipe import Recipe as Recipe
from wam.recipes.recipe import all_recipes as all_recipes
from wam.recipes.recipe import load_recipe as load_recipe
from wam.recipes.runs import Run as Run
from wam.recipes.runs import export as export
from wam.recipes.runs import load as load
from wam.recipes.runs import train_recipe as train_recipe
