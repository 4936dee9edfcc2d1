/** Services that run PostgreSQL for their customers, known by the roles they bring: what is set with them, and where. */

export interface ManagedService {
  readonly name: string;
  /** Turns logical decoding on. */
  readonly decoding: string;
  /** Lets a role replicate. @param role quoted */
  readonly replication: (role: string) => string;
  /** How to reach the server itself where the service also offers a connection pooler. */
  readonly direct: string;
}

const alter = (role: string) => `ALTER ROLE ${role} WITH REPLICATION;`;

const SERVICES: Readonly<Record<string, ManagedService>> = {
  rds_superuser: {
    name: 'Amazon RDS or Aurora',
    decoding:
      'set rds.logical_replication = 1 in the parameter group (Aurora: of the cluster), then reboot the instance',
    replication: (role) => `GRANT rds_replication TO ${role};`,
    direct: 'the endpoint of the instance or cluster instead of that of RDS Proxy',
  },
  cloudsqlsuperuser: {
    name: 'Google Cloud SQL',
    decoding: 'set the flag cloudsql.logical_decoding = on of the instance, which then restarts',
    replication: alter,
    direct: 'the address of the instance, port 5432, instead of that of the managed pooler',
  },
  azure_pg_admin: {
    name: 'Azure Database for PostgreSQL',
    decoding: 'set the server parameter wal_level = logical, then restart the server',
    replication: alter,
    direct: 'port 5432 instead of 6432, where PgBouncer listens',
  },
  supabase_admin: {
    name: 'Supabase',
    decoding: 'set wal_level = logical (supabase postgres-config update), then restart the database',
    replication: alter,
    direct: 'the direct connection (db.<project>.supabase.co, port 5432) instead of that of the pooler',
  },
  neon_superuser: {
    name: 'Neon',
    decoding: 'enable logical replication in the settings of the project; it cannot be taken back',
    replication: () => 'make the role in the console, with the API or the command line of Neon: those may replicate',
    direct: 'the host without `-pooler`',
  },
};

/** Roles by which the services are known. */
export const SERVICE_ROLES: readonly string[] = Object.keys(SERVICES);

/** @param roles those of `SERVICE_ROLES` that the server has */
export function managedService(roles: readonly string[]): ManagedService | null {
  const [role] = roles;
  return role !== undefined && Object.hasOwn(SERVICES, role) ? SERVICES[role]! : null;
}
