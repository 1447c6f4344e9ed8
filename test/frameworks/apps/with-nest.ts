import "reflect-metadata";

import {
  Body,
  Controller,
  HttpCode,
  Module,
  Post,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from "@nestjs/common";
import { NestFactory } from "@nestjs/core";

import { pool, store, worker } from "./queue.ts";

/** Nest starts and stops the worker with the application. */
class Queue implements OnApplicationBootstrap, OnApplicationShutdown {
  onApplicationBootstrap(): void {
    worker.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await worker.stop();
    await pool.end();
  }
}

class WelcomeController {
  async welcome({ userId }: { readonly userId: number }): Promise<{ readonly id: string }> {
    const { id } = await store.enqueue("welcome", { userId });
    return { id };
  }
}

class AppModule {}

// Nest's decorators, called: Node runs no syntax of theirs. With Nest's compiler: @Controller() class WelcomeController …
const welcome = Object.getOwnPropertyDescriptor(WelcomeController.prototype, "welcome") ?? {};
Post("welcome")(WelcomeController.prototype, "welcome", welcome);
HttpCode(202)(WelcomeController.prototype, "welcome", welcome);
Body()(WelcomeController.prototype, "welcome", 0);
Controller()(WelcomeController);
Module({ controllers: [WelcomeController], providers: [Queue] })(AppModule);

const app = await NestFactory.create(AppModule, { logger: false });
app.enableShutdownHooks();
await app.listen(Number(process.env["PORT"] ?? 3000));
