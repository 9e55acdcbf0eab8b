using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Shared;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Access;

/// <summary>Runs once after migration and before the first request: makes the configured token, or ends it when it is configured no more.</summary>
public sealed partial class AccessStartup(IUnitOfWork unitOfWork, IIds ids, TimeProvider clock, IOptions<ApiOptions> options, IServiceProvider services)
{
    public const string BootstrapName = "bootstrap";

    private readonly ILogger<AccessStartup> logger = services.GetRequiredService<ILogger<AccessStartup>>();

    /// <exception cref="StoreUnavailableException">The database is away.</exception>
    /// <exception cref="OptionsValidationException">Names the key and the remedy.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (options.Value.BootstrapToken is not { Length: > 0 } secret)
        {
            if (await unitOfWork.RunAsync(
                (unit, stop) => unit.Store<IAccessStore>().RevokeTokenAsync(BootstrapName, clock.GetUtcNow(), stop), cancellationToken))
            {
                services.GetRequiredService<ApiTokenCache>().Clear();
                LogRevoked(BootstrapName);
            }

            return;
        }

        string hash = Secrets.Hash(secret);
        Guid id = ids.Next();
        bool saved = await unitOfWork.RunAsync(
            async (unit, stop) =>
            {
                IAccessStore store = unit.Store<IAccessStore>();
                ApiToken? present = await store.FindTokenAsync(hash, stop);
                if (present is { Name: BootstrapName, RevokedAt: null, ExpiresAt: null } && Permissions.All.All(present.Scopes.Contains))
                {
                    return false;
                }

                // The id stays when the secret does: idempotency keys belong to it and must outlive a restart.
                ApiToken token = new(present?.Id ?? id, BootstrapName, hash, Permissions.All, clock.GetUtcNow(), ExpiresAt: null, RevokedAt: null);
                await store.SaveTokenAsync(token, stop);
                return true;
            },
            cancellationToken);
        services.GetRequiredService<ApiTokenCache>().Clear();
        if (saved)
        {
            LogSaved(BootstrapName);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The API token {Name} was saved from Api:BootstrapToken with every scope")]
    private partial void LogSaved(string name);

    [LoggerMessage(Level = LogLevel.Information, Message = "The API token {Name} was revoked: Api:BootstrapToken is not set any more")]
    private partial void LogRevoked(string name);
}
