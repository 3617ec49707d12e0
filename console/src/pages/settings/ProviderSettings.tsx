import { Alert, Button, Group, NativeSelect, PasswordInput, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQuery } from '@tanstack/react-query';

import type { Schemas } from '../../api/client';
import { type ApiError, unwrapVersioned } from '../../api/problem';
import { useWrite } from '../../api/read';
import { useSession } from '../../api/session';
import { Confirm } from '../../parts/Confirm';
import { CopyBox } from '../../parts/CopyBox';
import { useFocusKept } from '../../parts/focus';
import { useRenewed } from '../../parts/renewed';
import { ReadAt, ReadView } from '../../parts/States';
import { text } from '../../text/text';

type Oidc = Schemas['Oidc'];
type Provider = Schemas['OidcProvider'];
type Role = Schemas['Role'];

const ROLES = ['viewer', 'analyst', 'admin'] as const;
const ROLE_NAMES = ROLES.map((role) => ({ value: role, label: text.role[role] }));

/** The company's own provider of identities. */
export function ProviderSettings() {
  const { me, company, api } = useSession();
  const read = useQuery<{ value: Oidc; etag: string }, ApiError>({
    queryKey: [me.id, company, 'oidc'],
    queryFn: () => unwrapVersioned(api.GET('/api/v1/oidc')),
    // What somebody types must not be gone because they looked something up in another window.
    refetchOnWindowFocus: false,
  });
  return (
    <ReadView read={read}>
      {({ value, etag }) => (
        <Stack maw={560}>
          <ReadAt read={read} />
          {value.provider == null && <Text c="dimmed">{text.provider.none}</Text>}
          {value.redirect_uri == null ? (
            <Alert color="yellow" variant="outline">
              {text.provider.off}
            </Alert>
          ) : (
            <>
              <CopyBox label={text.provider.redirect} value={value.redirect_uri} />
              <Form provider={value.provider ?? undefined} etag={etag} />
            </>
          )}
          {value.provider != null && <Remove />}
        </Stack>
      )}
    </ReadView>
  );
}

interface Values {
  issuer: string;
  client_id: string;
  client_secret: string;
  domains: string;
  trusted_domains: string;
  default_role: Role | '';
  groups_claim: string;
  group_roles: { group: string; role: Role }[];
}

function valuesOf(provider: Provider | undefined): Values {
  return {
    issuer: provider?.issuer ?? '',
    client_id: provider?.client_id ?? '',
    client_secret: '',
    domains: provider?.domains.join(', ') ?? '',
    trusted_domains: provider?.trusted_domains.join(', ') ?? '',
    default_role: provider?.default_role ?? '',
    groups_claim: provider?.groups_claim ?? '',
    group_roles: provider?.group_roles ?? [],
  };
}

/** Domains as people write them, apart. */
function domainsOf(written: string): string[] {
  return written.split(/[\s,]+/).filter((domain) => domain !== '');
}

function bodyOf(values: Values): Schemas['OidcProviderBody'] {
  const { client_secret, domains, trusted_domains, default_role, groups_claim, ...rest } = values;
  return {
    ...rest,
    client_secret: client_secret === '' ? undefined : client_secret,
    domains: domainsOf(domains),
    trusted_domains: domainsOf(trusted_domains),
    default_role: default_role === '' ? undefined : default_role,
    groups_claim: groups_claim === '' ? undefined : groups_claim,
  };
}

function Form({ provider, etag }: { provider: Provider | undefined; etag: string }) {
  const form = useForm<Values>({ initialValues: valuesOf(provider) });
  useRenewed(etag, () => form.setValues(valuesOf(provider)));
  const save = useWrite(
    (api, body: Schemas['OidcProviderBody']) =>
      api.PUT('/api/v1/oidc', { params: { header: { 'If-Match': etag } }, body }),
    { done: text.provider.saved, quiet: true },
  );
  const button = useFocusKept(`${save.isPending} ${provider === undefined}`);
  return (
    <form
      onSubmit={form.onSubmit((values) =>
        save.mutate(bodyOf(values), { onError: (error) => form.setErrors(error.fields) }),
      )}
    >
      <Stack>
        {save.error && (
          <Alert color="red" variant="outline" role="alert">
            {save.error.message}
          </Alert>
        )}
        <TextInput
          label={text.provider.issuer}
          description={text.provider.issuerDetail}
          required
          autoComplete="off"
          {...form.getInputProps('issuer')}
        />
        <TextInput
          label={text.provider.clientId}
          required
          autoComplete="off"
          {...form.getInputProps('client_id')}
        />
        <PasswordInput
          label={text.provider.secret}
          description={provider === undefined ? undefined : text.provider.secretKept}
          required={provider === undefined}
          autoComplete="off"
          visibilityToggleButtonProps={{ 'aria-label': text.signIn.show }}
          {...form.getInputProps('client_secret')}
        />
        <TextInput
          label={text.provider.domains}
          description={text.provider.domainsDetail}
          required
          autoComplete="off"
          {...form.getInputProps('domains')}
        />
        <TextInput
          label={text.provider.trustedDomains}
          description={text.provider.trustedDomainsDetail}
          autoComplete="off"
          {...form.getInputProps('trusted_domains')}
        />
        <NativeSelect
          label={text.provider.defaultRole}
          description={text.provider.defaultRoleDetail}
          data={[{ value: '', label: text.provider.nobody }, ...ROLE_NAMES]}
          {...form.getInputProps('default_role')}
        />
        <TextInput
          label={text.provider.groupsClaim}
          description={text.provider.groupsClaimDetail}
          autoComplete="off"
          {...form.getInputProps('groups_claim')}
        />
        {form.values.group_roles.map((one, number) => (
          // A row is its place: groups may be called the same while they are typed.
          <Group key={number} align="flex-end">
            <TextInput
              label={text.provider.group}
              required
              autoComplete="off"
              {...form.getInputProps(`group_roles.${number}.group`)}
            />
            <NativeSelect
              label={text.settings.role}
              aria-label={text.provider.groupRole(one.group)}
              data={ROLE_NAMES}
              {...form.getInputProps(`group_roles.${number}.role`)}
            />
            <Button
              variant="default"
              aria-label={text.provider.removeGroup(one.group)}
              onClick={() => form.removeListItem('group_roles', number)}
            >
              {text.common.remove}
            </Button>
          </Group>
        ))}
        <Group>
          <Button ref={button} type="submit" loading={save.isPending}>
            {text.common.save}
          </Button>
          <Button
            variant="default"
            onClick={() => form.insertListItem('group_roles', { group: '', role: 'viewer' })}
          >
            {text.provider.addGroup}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Remove() {
  const remove = useWrite((api) => api.DELETE('/api/v1/oidc'), { done: text.provider.removed });
  return (
    <Confirm
      className="fit"
      label={text.provider.remove}
      detail={text.provider.removeDetail}
      onConfirm={() => remove.mutate()}
    />
  );
}
