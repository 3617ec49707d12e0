-- Of the domains that a provider lets in, those whose addresses it need not call verified: Microsoft Entra ID says nothing
-- of that. Nodes of a release before name the columns that they write, and go on refusing such addresses.
ALTER TABLE oidc_providers ADD COLUMN trusted_domains text[] NOT NULL DEFAULT '{}';
