using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Pods;
using LoraAdmin.Training;

namespace LoraAdmin;

/// <summary>
/// Points the vendor clients at the LocalCloud of this process. They speak the whole wire format through its in-memory handler instead of a socket,
/// so that the portal's own address need not be known before it listens (docs/decisions/0003).
/// </summary>
internal static class LocalCloudVendor
{
    private const string Image = "localcloud/trainer:1";

    public static IServiceCollection AddLocalCloudAsVendor(this IServiceCollection services)
    {
        string root = LocalCloudHandler.Base.ToString();
        services.AddOptions<RunPodOptions>().PostConfigure<LocalCloudKeys>((options, keys) =>
        {
            options.BaseUrl = $"{root}/runpod/v2";
            options.GraphQlUrl = "";
            options.ApiKey = keys.ApiKey;
            options.Image = string.IsNullOrWhiteSpace(options.Image) ? Image : options.Image;
        });
        services.AddOptions<PodAgentOptions>().PostConfigure(options => options.UrlTemplate = $"{root}/agents/{PodAgentOptions.PodMark}");
        services.AddOptions<ReplicateOptions>().PostConfigure<LocalCloudKeys>((options, keys) =>
        {
            options.BaseUrl = $"{root}/replicate/v1";
            options.ApiToken = keys.ApiKey;
            options.Model = ReplicateFace.Trainer;
            options.Version = ReplicateFace.TrainerVersion;
            options.Destination = ReplicateFace.Destination;
            options.InputField = ReplicateFace.InputField;
            options.ValidationModel = $"{ReplicateFace.Validator}:{ReplicateFace.ValidatorVersion}";
        });
        foreach (string client in new[] { RunPodWire.HttpClientName, HttpPodAgent.HttpClientName, ReplicateClient.HttpClientName })
        {
            services.AddHttpClient(client).ConfigurePrimaryHttpMessageHandler(provider => new LocalCloudHandler(provider.GetRequiredService<LocalCloudFace>()));
        }

        return services;
    }
}
