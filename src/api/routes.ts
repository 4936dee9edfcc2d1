import type { Route } from './route.ts';
import { health } from './routes/health.ts';
import { status } from './routes/status.ts';
import { topics } from './routes/topics.ts';

export const routes: readonly Route[] = [health, status, topics];
