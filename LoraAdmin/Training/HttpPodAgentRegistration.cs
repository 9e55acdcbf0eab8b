using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Vendors;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Training;

/// <summary>Registers the agent's client and the section <c>PodAgent</c>.</summary>
public static class HttpPodAgentRegistration
{
    /// <remarks>Needs a <c>Func&lt;Installation&gt;</c> and a <see cref="TimeProvider"/> among the services.</remarks>
    public static IServiceCollection AddPodAgent(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddOptions<PodAgentOptions>()
            .BindConfiguration(PodAgentOptions.Section, binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<PodAgentOptions>, PodAgentOptionsValidator>();
        services.AddVendorHttpClient(
            HttpPodAgent.HttpClientName, provider => provider.GetRequiredService<IOptions<PodAgentOptions>>().Value.UrlTemplate);
        services.AddSingleton<IPodAgent>(provider => new HttpPodAgent(
            provider.GetRequiredService<IHttpClientFactory>().CreateClient(HttpPodAgent.HttpClientName),
            provider.GetRequiredService<IOptions<PodAgentOptions>>(),
            provider.GetRequiredService<Func<Installation>>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<HttpPodAgent>>()));
        return services;
    }
}
