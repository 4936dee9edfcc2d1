/** What `plugin new` writes plugins with, and tries them. All paths are absolute. */
export interface PluginAuthoring {
  /** Directory with a folder `plugin` of common files and one for each kind of part. */
  readonly templates: string;
  /** A module that lets every module of a process import the SDK and the acceptance kit of this product. */
  readonly preload: string;
  /** What plugins import of this product → a module with its types. */
  readonly types: Readonly<Record<string, string>>;
}
