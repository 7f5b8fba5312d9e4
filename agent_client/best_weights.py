"""The weights that did best: how they are found and kept."""

from agent_client.environments import Environment
from agent_client.evaluation import Evaluation, evaluate, evaluation_seeds
from agent_client.learning.algorithm import Agent
from agent_client.learning.weights import copy_weights
from agent_client.seeding import EpisodePurpose
from agent_client.training_progress import TrainingPlan, TrainingProgress


def judge(
    agent: Agent, environment: Environment, plan: TrainingPlan, progress: TrainingProgress
) -> Evaluation:
    """Evaluate the greedy policy; keep its weights if no others did as well.

    Few episodes choose the candidates; one that could end the training must repeat it
    over many more, on seeds of their own, and is then judged by those.

    Args:
        agent: its best weights may be replaced.
        environment: to play in.
        plan: how many episodes, and what ends the training.
        progress: is told the best, and whether the training is over.
    """

    def play(purpose: EpisodePurpose, episodes: int) -> Evaluation:
        seeds = evaluation_seeds(plan.seed, purpose, episodes)
        return evaluate(environment, agent.greedy_policy(), seeds)

    evaluation = play(EpisodePurpose.SELECTION, plan.selection_episodes)
    if plan.stop_return is not None and evaluation.mean_return >= plan.stop_return:
        evaluation = play(EpisodePurpose.CONFIRMATION, plan.confirmation_episodes)
        progress.solved = evaluation.mean_return >= plan.stop_return
    if progress.best_return is None or evaluation.mean_return >= progress.best_return:
        copy_weights(agent.network, agent.best_network)
        progress.best_return = evaluation.mean_return
        progress.best_episodes = len(evaluation.returns)
        progress.best_step = progress.step
    return evaluation
