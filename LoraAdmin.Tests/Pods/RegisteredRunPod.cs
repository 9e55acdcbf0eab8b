using LoraAdmin.Domain.Pods;
using LoraAdmin.Pods;
using LoraAdmin.Tests.Doubles;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace LoraAdmin.Tests.Pods;

/// <summary>RunPod's clients as the portal registers them, on real sockets.</summary>
internal static class RegisteredRunPod
{
    /// <param name="root">The account's REST v2.</param>
    public static ServiceProvider Of(string root, string key)
    {
        ServiceCollection services = new();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder()
            .AddInMemoryCollection(new Dictionary<string, string?>
            {
                ["RunPod:BaseUrl"] = root,
                ["RunPod:ApiKey"] = key,
                ["RunPod:Image"] = "example/trainer:1",
            })
            .Build());
        services.AddLogging();
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(KnownClocks.New(TimeProvider.System));
        services.AddPods();
        services.AddSingleton<ICreationGate>(new OpenGate());
        return services.BuildServiceProvider();
    }
}
