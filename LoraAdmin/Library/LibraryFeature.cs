using LoraAdmin.Domain.Library;
using LoraAdmin.Platform.Data;

namespace LoraAdmin.Library;

/// <summary>LoRAs and their validation images: tables <c>lora_models</c> and <c>validation_images</c>.</summary>
public static class LibraryFeature
{
    public static IServiceCollection AddLibrary(this IServiceCollection services) => services.AddStore<ILoraStore, LoraStore>().AddStore<ILoraFiles, LoraFileStore>();
}
