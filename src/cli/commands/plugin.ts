import type { CommandGroup } from '../command.ts';
import { pluginAdd } from './plugin-add.ts';
import { pluginLs } from './plugin-ls.ts';
import { pluginNew } from './plugin-new.ts';
import { pluginRemove } from './plugin-remove.ts';
import { pluginTest } from './plugin-test.ts';

export const plugin: CommandGroup = {
  kind: 'group',
  name: 'plugin',
  summary: 'plugins of the project: write, add, list, remove them',
  commands: [pluginLs, pluginNew, pluginTest, pluginAdd, pluginRemove],
};
