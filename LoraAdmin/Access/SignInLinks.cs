using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Web;

namespace LoraAdmin.Access;

/// <param name="Url">Holds the secret behind <c>#</c>, which browsers never send: it can't reach a log, a proxy or a referrer.</param>
public sealed record SignInLink(string Url, DateTimeOffset ExpiresAt);

/// <summary>Makes and spends the links by which admins sign in until accounts come. A link works once, for 15 minutes.</summary>
public sealed class SignInLinks(IUnitOfWork unitOfWork, IIds ids, TimeProvider clock, PortalAddress address)
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(15);

    /// <summary>For the console only: whoever has the link is an admin.</summary>
    /// <exception cref="StoreUnavailableException">The database is away.</exception>
    public async Task<SignInLink> CreateAsync(CancellationToken cancellationToken)
    {
        string code = Secrets.New(ids);
        DateTimeOffset now = clock.GetUtcNow();
        await unitOfWork.RunAsync(
            (unit, stop) => unit.Store<IAccessStore>().AddSignInLinkAsync(Secrets.Hash(code), now, now + Lifetime, stop),
            cancellationToken);
        return new SignInLink($"{address.BaseUrl}{SignInPage.Path}#{code}", now + Lifetime);
    }

    /// <summary>Spends the link and begins a session in the same transaction.</summary>
    /// <returns>The session, exactly once per link and only before its end; else null.</returns>
    /// <exception cref="StoreUnavailableException">The database is away; the link is not spent.</exception>
    public Task<SignInSession?> SpendAsync(string code, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        SignInSession session = new(ids.Next(), AccessClaims.Admin, now, now + SignInSessions.Lifetime, EndedAt: null);
        return unitOfWork.RunAsync<SignInSession?>(
            async (unit, stop) =>
            {
                IAccessStore store = unit.Store<IAccessStore>();
                if (!await store.SpendSignInLinkAsync(Secrets.Hash(code), now, stop))
                {
                    return null;
                }

                await store.AddSessionAsync(session, stop);
                return session;
            },
            cancellationToken);
    }
}

/// <summary>The subcommand <c>sign-in-link</c>, and what a start prints.</summary>
public static class SignInLinkCommand
{
    /// <summary>Writes a new link. It only adds a row, so it works beside a running portal as well.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(IServiceProvider services, TextWriter output, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(output);
        try
        {
            SignInLink link = await services.GetRequiredService<SignInLinks>().CreateAsync(cancellationToken);
            await output.WriteLineAsync($"Sign in once, within {SignInLinks.Lifetime.TotalMinutes:0} minutes (until {link.ExpiresAt:HH:mm} UTC):");
            await output.WriteLineAsync($"  {link.Url}");
            return 0;
        }
        catch (StoreUnavailableException failure)
        {
            await output.WriteLineAsync($"No link was made: the portal's database is away ({failure.Message}). Check ConnectionStrings:Database and Data:Path.");
            return 1;
        }
    }
}
