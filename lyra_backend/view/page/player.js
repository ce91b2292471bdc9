// Time: which of the Gaussians' times is shown, by hand or one after the other.

export class Player {
  /** `told(index, playing)` is called when either changes; `failed(error)` when a time cannot be had. */
  constructor(stage, splats, told, failed) {
    Object.assign(this, { stage, splats, told, failed, index: 0, playing: false, clock: 0 });
  }

  get time() {
    return this.splats.times[this.index];
  }

  async seek(index) {
    this.index = index;
    this.clock = this.time;
    this.told(index, this.playing);
    try {
      await this.splats.show(index);
    } catch (error) {
      this.setPlaying(false);
      this.failed(error);
    }
  }

  setPlaying(on) {
    this.playing = on;
    this.clock = this.time;
    this.told(this.index, on);
    if (on) this.stage.move((seconds) => this.#go(seconds));
  }

  #go(seconds) {
    if (!this.playing) return false;
    const { times } = this.splats;
    // what is not there yet is waited for
    if (!this.splats.isLoaded(this.index)) return true;
    this.clock += seconds;
    const last = times.length - 1;
    const next = (this.index + 1) % times.length;
    // the last one is shown as long as the one before it
    const until = next ? times[next] : times[last] + times[last] - times[last - 1];
    if (this.clock < until) return true;
    this.seek(next);
    return true;
  }
}
