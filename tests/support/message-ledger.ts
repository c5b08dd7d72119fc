import type { Channel, ChannelModel, ConfirmChannel } from "amqplib";
import { drain } from "./broker";

/** Sends numbered messages to a durable queue without a pause, and knows which of them the broker confirmed. */
export class MessageLedger {
  readonly confirmed: number[] = [];
  sent = 0;
  readonly #timer: NodeJS.Timeout;

  private constructor(
    connection: ChannelModel,
    private readonly channel: ConfirmChannel,
    private readonly queue: string,
  ) {
    this.#timer = setInterval(() => this.#send(), 50);
    connection.on("close", () => this.stop());
  }

  /** The queue's leader is on the node that the connection is to. */
  static async start(connection: ChannelModel, queue: string): Promise<MessageLedger> {
    const channel = await connection.createConfirmChannel();
    channel.on("error", () => {}); // with its node
    await channel.assertQueue(queue, { durable: true });
    return new MessageLedger(connection, channel, queue);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** What was confirmed and is not in the queue, which is empty then. */
  async lost(channel: Channel): Promise<number[]> {
    const kept = new Set((await drain(channel, this.queue)).map(Number));
    return this.confirmed.filter((number) => !kept.has(number));
  }

  #send(): void {
    const number = this.sent++;
    this.channel.sendToQueue(this.queue, Buffer.from(`${number}`), { persistent: true }, (refused) => {
      if (!refused) this.confirmed.push(number);
    });
  }
}
