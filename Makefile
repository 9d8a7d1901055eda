# Two commands on a fresh machine: `make demo` and `make test`. Each makes .venv the first time.
PYTHON ?= python3
WAM_TEST_DATA ?= ../shared/data
BIN := .venv/bin
SUITE := .venv-suite/bin
OPENPI := .venv-openpi/bin

.PHONY: demo results dino-wm real-robots moving tabletop latents online video uses paradigms pages benchmarks test test-slow test-suite lint types clean

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch .venv/ready

# dm_control does not go with MuJoCo 4: the world `control_suite` lives in an environment of its own.
.venv-suite/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-suite
	$(SUITE)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(SUITE)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[control-suite,data,show,train,test]'
	touch .venv-suite/ready

# Robots' own client of openpi, unchanged: it wants an older NumPy.
.venv-openpi/ready:
	$(PYTHON) -m venv .venv-openpi
	$(OPENPI)/python -m pip install --quiet --disable-pip-version-check openpi-client==0.1.2 typing_extensions
	touch .venv-openpi/ready

demo: .venv/ready
	$(BIN)/wam demo

results: .venv/ready
	$(BIN)/wam demo --out runs/results --seeds 3 --goals 100
	rm -rf checkpoints/lewm-push
	$(BIN)/wam export runs/results/run-0 --out checkpoints/lewm-push
	$(BIN)/wam control checkpoints/lewm-push --goals 100 --result results/push_checkpoint.json
	[ -d runs/results/fresh ] || $(BIN)/wam record push --out runs/results/fresh --episodes 100 --seed 1000000
	$(BIN)/wam imagine checkpoints/lewm-push --data runs/results/fresh --world push --sheet docs/pictures/imagined.png
	$(BIN)/wam compare lewm --data runs/results/data --out runs/results --goals 100 --result results/lewm_mechanism.json
	$(BIN)/python -m wam.jobs.pages

dino-wm: .venv/ready
	[ -d runs/results/data ] || $(BIN)/wam record push --out runs/results/data --episodes 2500
	[ -d runs/results/fresh ] || $(BIN)/wam record push --out runs/results/fresh --episodes 100 --seed 1000000
	$(BIN)/python -m wam.jobs.probe_features --data runs/results/data --held-out runs/results/fresh --out runs/dino_wm
	$(BIN)/wam control runs/dino_wm/run-? --world push --result results/latent_push_dino_wm.json
	$(BIN)/wam imagine runs/dino_wm/run-0 --data runs/results/fresh --windows 256 --world push --result results/dino_wm_card.json
	$(BIN)/wam compare dino_wm --data runs/results/data --out runs/dino_wm --goals 100 --result results/dino_wm_mechanism.json
	$(BIN)/python -m wam.jobs.pages

real-robots: .venv/ready
	rm -rf runs/real
	$(BIN)/wam data convert rlds $(WAM_TEST_DATA)/bridge_octo runs/real/bridge
	$(BIN)/wam data convert droid $(WAM_TEST_DATA)/droid_ctrlworld/droid_subset runs/real/droid
	$(BIN)/wam data convert droid $(WAM_TEST_DATA)/droid_ctrlworld/droid_subset runs/real/droid_derived --actions derived
	$(BIN)/wam cross-validate lewm --data runs/real/bridge --out runs/real/bridge-folds --result results/real_bridge.json --sheet docs/pictures/real-bridge.png
	$(BIN)/wam cross-validate lewm --data runs/real/droid --out runs/real/droid-folds --result results/real_droid.json --sheet docs/pictures/real-droid.png
	$(BIN)/wam cross-validate lewm --data runs/real/droid_derived --out runs/real/droid_derived-folds --result results/real_droid_derived.json
	$(BIN)/wam cross-validate cosmos_predict --data runs/real/droid_derived --out runs/real/droid_derived-folds-cosmos_predict --result results/real_droid_derived_cosmos_predict.json --sheet docs/pictures/real-droid_derived-cosmos_predict.png
	$(BIN)/wam cross-validate cosmos_predict --steps 150 --data runs/real/bridge --out runs/real/bridge-folds-cosmos_predict --result results/real_bridge_cosmos_predict.json --sheet docs/pictures/real-bridge-cosmos_predict.png
	for system in uwm fast_wam; do \
	    $(BIN)/wam cross-validate $$system --data runs/real/droid_derived --out runs/real/droid_derived-folds-$$system --result results/real_droid_derived_$$system.json --sheet docs/pictures/real-droid_derived-$$system.png || exit 1; \
	    $(BIN)/wam cross-validate $$system --steps 300 --data runs/real/bridge --out runs/real/bridge-folds-$$system --result results/real_bridge_$$system.json --sheet docs/pictures/real-bridge-$$system.png || exit 1; \
	done
	$(BIN)/python -m wam.jobs.pages

moving: .venv/ready
	$(BIN)/python -m tests.reference.moving
	$(BIN)/python -m tests.reference.moving_page

tabletop: .venv/ready
	$(BIN)/python benchmarks/tabletop_pictures.py
	$(BIN)/python benchmarks/tabletop_success.py goal_images --result results/tabletop_goal_images.json
	$(BIN)/python benchmarks/tabletop_success.py experts --result results/tabletop_expert.json
	$(BIN)/python benchmarks/tabletop_success.py splits --result results/tabletop_splits.json
	$(BIN)/python -m wam.jobs.pages

pages: .venv/ready
	$(BIN)/python -m wam.jobs.pages

# Which latent? Three trainings of each system on each data set, hours on two cores; stopped ones go on. After `results` and `dino-wm`.
PUSHT := --option demonstrations=$(WAM_TEST_DATA)/pusht_human/pusht_human_lowdim.npz --option size=32 --option moves=true
TABLE := --option tasks=push,open,close --option ask=goal_image --option cameras=front --option size=32 --option segmentation=false
latents: .venv/ready
	[ -d runs/latents/human ] || $(BIN)/wam data convert pusht $(WAM_TEST_DATA)/pusht_human/pusht_cchi_v7_replay_lowdim.zarr.zip runs/latents/human --size 32 --actions moves --part training
	[ -d runs/latents/pusht-play ] || $(BIN)/wam record pusht --out runs/latents/pusht-play --episodes 1200 --policies play $(PUSHT)
	[ -d runs/latents/human-and-play ] || $(BIN)/wam data join runs/latents/human runs/latents/pusht-play --out runs/latents/human-and-play
	[ -d runs/latents/table ] || $(BIN)/wam record tabletop --out runs/latents/table --episodes 600 --policies play:0.7,noisy_expert:0.3 $(TABLE)
	for seed in 0 1 2; do for system in lewm dino_wm; do for set in human human-and-play table; do \
	    run=runs/latents/$$set-$$system-$$seed; \
	    $(BIN)/wam train $$system --data runs/latents/$$set --seed $$seed --out $$run $$(test -d $$run && echo --resume) || exit 1; \
	done; done; done
	for seed in 0 1 2; do for kind in state pixels sight; do \
	    run=runs/latents/push-$$kind-$$seed; \
	    seen=$$(test $$kind = sight && echo "--preset sight --option sees=pixels" || echo "--option sees=$$kind"); \
	    $(BIN)/wam train td_mpc2 --world push $$seen --seed $$seed --out $$run $$(test -d $$run && echo --resume) || exit 1; \
	done; done
	[ -d runs/latents/pusht-fresh ] || $(BIN)/wam record pusht --out runs/latents/pusht-fresh --episodes 60 --seed 1000000 --policies play $(PUSHT)
	$(BIN)/wam imagine runs/latents/human-lewm-0 --data runs/latents/pusht-fresh --windows 256 --world pusht $(PUSHT) --sheet docs/pictures/pusht-imagined.png --result results/pusht_card_lewm.json
	[ -d runs/latents/table-fresh ] || $(BIN)/wam record tabletop --out runs/latents/table-fresh --episodes 60 --seed 1000000 --policies play $(TABLE)
	$(BIN)/wam imagine runs/latents/table-lewm-0 --data runs/latents/table-fresh --windows 256 --world tabletop $(TABLE) --sheet docs/pictures/tabletop-imagined.png --result results/tabletop_card_lewm.json
	$(BIN)/wam imagine runs/latents/push-state-0 --data runs/latents/push-state-1/replay-online --windows 256 --result results/td_mpc2_card.json
	$(BIN)/wam control runs/results/run-? --world push --result results/latent_push_lewm.json
	$(BIN)/wam score runs/latents/push-state-? --world push --option sees=state --episodes 100 --result results/score_push_state.json
	for system in lewm dino_wm; do \
	    $(BIN)/wam control runs/latents/human-$$system-? --world pusht $(PUSHT) --result results/latent_pusht_human_$$system.json || exit 1; \
	    $(BIN)/wam control runs/latents/human-and-play-$$system-? --world pusht $(PUSHT) --result results/latent_pusht_both_$$system.json || exit 1; \
	    $(BIN)/wam control runs/latents/table-$$system-? --world tabletop $(TABLE) --option offset=15 --result results/latent_tabletop_$$system.json || exit 1; \
	done
	for kind in state pixels sight; do \
	    $(BIN)/wam control runs/latents/push-$$kind-? --world push --option sees=$$(test $$kind = state && echo state || echo pixels) --result results/latent_push_td_mpc2_$$kind.json || exit 1; \
	done
	$(BIN)/python -m wam.jobs.pages

# Learning online in DeepMind Control: three trainings of each task, half an hour a training on one core. Stopped ones go on.
CONTROL := cartpole_swingup reacher_easy
online: .venv/ready .venv-suite/ready
	for task in $(CONTROL); do for seed in 0 1 2; do \
	    run=runs/online/$$task-$$seed; \
	    $(SUITE)/wam train td_mpc2 --preset control --world control_suite --option task=$$task --seed $$seed --out $$run $$(test -d $$run && echo --resume) || exit 1; \
	done; done
	for seed in 0 1 2; do \
	    run=runs/online/cheetah-$$seed; \
	    $(BIN)/wam train td_mpc2 --preset control --world gym --option id=HalfCheetah-v5 --seed $$seed --out $$run $$(test -d $$run && echo --resume) || exit 1; \
	done
	$(BIN)/wam score runs/online/cheetah-? --world gym --option id=HalfCheetah-v5 --result results/score_half_cheetah.json
	$(SUITE)/wam score runs/online/cartpole_swingup-? --world control_suite --option task=cartpole_swingup --published 839 --result results/score_cartpole_swingup.json
	$(SUITE)/wam score runs/online/reacher_easy-? --world control_suite --option task=reacher_easy --published 937 --result results/score_reacher_easy.json
	$(BIN)/python -m wam.jobs.pages

# What learns on two cores: makes of a video model, and published ideas on and off, three trainings each; three hours on one core. Stopped ones go on.
video: .venv/ready
	[ -d runs/results/data ] || $(BIN)/wam record push --out runs/results/data --episodes 2500
	[ -d runs/results/fresh ] || $(BIN)/wam record push --out runs/results/fresh --episodes 100 --seed 1000000
	$(BIN)/python -m wam.jobs.learnability --data runs/results/data --held-out runs/results/fresh --out runs/video --sheet docs/pictures/video.png
	for system in adaworld dreamdojo ctrl_world cosmos_predict; do \
	    share=$$(test $$system = adaworld && echo 0.05 || echo 1); \
	    $(BIN)/wam compare $$system --data runs/results/data --held-out runs/results/fresh --labels $$share --out runs/compare/$$system --result results/$${system}_mechanism.json || exit 1; \
	done
	for system in adaworld dreamdojo ctrl_world; do \
	    $(BIN)/wam imagine runs/compare/$$system/run-0 --data runs/results/fresh --horizon 12 --windows 256 --result results/$${system}_card.json || exit 1; \
	done
	$(BIN)/python -m wam.jobs.pages

# Uses of a video model, with the demonstrations and policies of `paradigms` (made here where they are not there): two hours on two cores.
TOLD := --option task=instruction --option objects=2 --option zones=2 --option colours=red,blue,yellow,cyan --option budget=42
uses: .venv/ready
	[ -d runs/paradigms/data ] || $(BIN)/wam record push --out runs/paradigms/data --episodes 2000 --policies expert:0.7,noisy_expert:0.3 $(TOLD) --option size=32
	for arm in diffusion_policy-1 diffusion_policy-0.2; do \
	    run=runs/paradigms/$$arm-0; \
	    [ -d $$run ] || $(BIN)/wam train $${arm%-*} --labels $${arm#*-} --data runs/paradigms/data --out $$run || exit 1; \
	done
	$(BIN)/wam train cosmos_predict --preset rollout --data runs/paradigms/data --out runs/uses/cosmos $$(test -d runs/uses/cosmos && echo --resume)
	[ -d runs/quick/susie-1-0 ] || $(BIN)/wam train susie --preset quick --data runs/paradigms/data --out runs/quick/susie-1-0
	$(BIN)/wam use evaluate-policy runs/uses/cosmos --policies runs/quick/susie-1-0 --world push $(TOLD) --starts 400 --control runs/uses/cosmos-shuffled --result results/evaluate_push.json
	[ -d runs/uses/held-out ] || $(BIN)/wam record push --out runs/uses/held-out --episodes 100 --seed 1000000 --policies expert:0.7,noisy_expert:0.3 $(TOLD)
	$(BIN)/wam imagine runs/uses/cosmos --data runs/uses/held-out --horizon 12 --windows 256 --result results/cosmos_predict_card.json
	$(BIN)/wam train cosmos_predict --skip 3 --data runs/paradigms/data --out runs/uses/cosmos-3 $$(test -d runs/uses/cosmos-3 && echo --resume)
	$(BIN)/wam chunks runs/paradigms/diffusion_policy-1-0 --world push $(TOLD) --result results/chunk_execution.json
	$(BIN)/wam use rerank runs/uses/cosmos-3 --policy runs/paradigms/diffusion_policy-0.2-0 --draws 8 --world push $(TOLD) --ceiling --result results/rerank_push.json
	[ -d runs/uses/few ] || $(BIN)/wam record push --out runs/uses/few --episodes 200 --seed 900000 --policies expert:0.7,noisy_expert:0.3 $(TOLD)
	$(BIN)/wam use improve runs/uses/cosmos --data runs/uses/few --out runs/uses/improve --world push $(TOLD) --result results/improve_push.json
	$(BIN)/python -m wam.jobs.pages

# Imagine and act: every way to couple video with actions, one experiment. 126 trainings, a night and more on two cores; a stopped one goes on.
paradigms: .venv/ready
	$(BIN)/wam compare paradigms --out runs/paradigms --result results/paradigms.json
	$(BIN)/python -m wam.jobs.pages

benchmarks: .venv/ready .venv-suite/ready
	$(BIN)/python benchmarks/push_world.py --result results/speed_push_world.json
	$(BIN)/python benchmarks/tabletop_world.py --result results/speed_tabletop_world.json
	$(BIN)/python benchmarks/data_windows.py --result results/speed_data_windows.json
	$(BIN)/python benchmarks/training_wait.py --result results/speed_training_wait.json
	$(BIN)/python benchmarks/cem.py --threads 2 --result results/speed_cem.json
	$(BIN)/python benchmarks/play.py --result results/speed_play.json
	$(BIN)/python benchmarks/chunk_latency.py --result results/speed_chunk_latency.json
	$(BIN)/python benchmarks/video_cache.py --result results/speed_video_cache.json
	$(BIN)/python benchmarks/group_norm.py --result results/speed_group_norm.json
	$(BIN)/python benchmarks/bfloat16.py --result results/speed_bfloat16.json
	if [ -d runs/paradigms/data ]; then $(BIN)/python benchmarks/training_minutes.py --result results/speed_training_minutes.json; \
	else echo 'not timed: training minutes, which need the demonstrations of make paradigms'; fi
	$(SUITE)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torchrl==0.14.1
	$(SUITE)/python benchmarks/td_mpc2.py --result results/speed_td_mpc2.json
	$(BIN)/python benchmarks/publish.py

test: .venv/ready .venv-openpi/ready
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

test-slow: .venv/ready
	$(BIN)/python -m pytest -m slow

test-suite: .venv-suite/ready
	$(SUITE)/python -m pytest tests/sim/worlds/control_suite tests/sim/adapters

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/ready
	$(BIN)/mypy

clean:
	rm -rf .venv .venv-suite .venv-openpi # not runs: recordings of robots may lie there
