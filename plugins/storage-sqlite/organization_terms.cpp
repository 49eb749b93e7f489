#include "organization_terms.hpp"

#include <optional>

#include "punctual/errors.hpp"
#include "rows.hpp"

namespace punctual::sqlite {

const OrganizationTerms& TermsReader::of(OrganizationId organization) {
  if (const auto found = terms_.find(organization); found != terms_.end()) return found->second;
  return terms_.emplace(organization, read(organization)).first->second;
}

OrganizationTerms TermsReader::read(OrganizationId organization) {
  Query stored(connection_, R"sql(
    select signing_secrets, max_concurrent, old_secret_until
    from organizations
    where id = ?1)sql",
               organization);
  if (!stored.next()) throw Corrupt("a task of an organisation that is not there");
  OrganizationTerms terms;
  terms.signing_secrets = strings_from_json(stored.get<std::string>(0));
  terms.old_secret_until = stored.get<std::optional<Time>>(2);
  if (const auto most = stored.get<std::optional<std::size_t>>(1)) {
    const std::size_t now = running(organization);
    terms.capped = true;
    terms.room = *most > now ? *most - now : 0;
  }
  return terms;
}

std::size_t TermsReader::running(OrganizationId organization) {
  Query count(connection_, R"sql(
    select count(*)
    from executions
    where organization_id = ?1
      and status = 'running')sql",
              organization);
  return count.next() ? count.get<std::size_t>(0) : 0;
}

}  // namespace punctual::sqlite
