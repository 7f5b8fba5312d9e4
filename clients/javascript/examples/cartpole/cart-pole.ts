/** The cart and its pole as Gymnasium's CartPole-v1 has them (Barto, Sutton and Anderson 1983). */

const GRAVITY = 9.8;
const MASS_CART = 1.0;
const MASS_POLE = 0.1;
const TOTAL_MASS = MASS_CART + MASS_POLE;
const HALF_LENGTH = 0.5;
const FORCE = 10.0;
const SECONDS_PER_STEP = 0.02;
const LARGEST_ANGLE = (12 * 2 * Math.PI) / 360;
const LARGEST_POSITION = 2.4;
const LONGEST_EPISODE = 500;

export interface Outcome {
  observation: Float32Array;
  reward: number;
  terminated: boolean;
  truncated: boolean;
}

export class CartPole {
  readonly actions = 2;
  #state: [number, number, number, number] = [0, 0, 0, 0];
  #steps = 0;

  /** @param random numbers in [0, 1). */
  constructor(private readonly random: () => number) {}

  reset(): Float32Array {
    const small = (): number => this.random() * 0.1 - 0.05;
    this.#state = [small(), small(), small(), small()];
    this.#steps = 0;
    return Float32Array.from(this.#state);
  }

  /** @param action 0 pushes to the left, 1 to the right. */
  step(action: number): Outcome {
    let [x, speed, angle, turning] = this.#state;
    const force = action === 1 ? FORCE : -FORCE;
    const pull = (force + MASS_POLE * HALF_LENGTH * turning ** 2 * Math.sin(angle)) / TOTAL_MASS;
    const turn =
      (GRAVITY * Math.sin(angle) - Math.cos(angle) * pull) /
      (HALF_LENGTH * (4 / 3 - (MASS_POLE * Math.cos(angle) ** 2) / TOTAL_MASS));
    const push = pull - (MASS_POLE * HALF_LENGTH * turn * Math.cos(angle)) / TOTAL_MASS;
    x += SECONDS_PER_STEP * speed;
    speed += SECONDS_PER_STEP * push;
    angle += SECONDS_PER_STEP * turning;
    turning += SECONDS_PER_STEP * turn;
    this.#state = [x, speed, angle, turning];
    this.#steps += 1;
    const terminated = Math.abs(x) > LARGEST_POSITION || Math.abs(angle) > LARGEST_ANGLE;
    return {
      observation: Float32Array.from(this.#state),
      reward: 1,
      terminated,
      truncated: this.#steps >= LONGEST_EPISODE,
    };
  }
}
