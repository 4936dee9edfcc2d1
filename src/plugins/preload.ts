/** For `node --import`: modules of that process find `tailrace/sdk` and `tailrace/testkit`, wherever they are. */
import { useOwnModules } from './own-modules.ts';

useOwnModules();
